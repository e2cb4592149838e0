/**
 * The configuration schema as the loader walks it: each JSON Schema node the schema uses, as one member
 * of a union. A keyword nobody here understands is an assertion, so a schema cannot say more than the
 * loader checks.
 */
import { assert } from '#core/assert.ts';

export type SchemaNode = {
  readonly description: string | null;
  /** Undefined when the key has no default. */
  readonly fallback: unknown;
} & (
  | {
      readonly kind: 'object';
      readonly properties: ReadonlyMap<
        string,
        { readonly node: SchemaNode; readonly required: boolean }
      >;
    }
  | {
      readonly kind: 'record';
      readonly namePattern: string;
      readonly entry: SchemaNode;
      readonly entriesMax: number;
    }
  | {
      readonly kind: 'array';
      readonly items: SchemaNode;
      readonly itemsMin: number;
      readonly itemsMax: number;
    }
  | { readonly kind: 'string'; readonly pattern: string | null; readonly charactersMax: number }
  | { readonly kind: 'integer'; readonly minimum: number; readonly maximum: number }
  | { readonly kind: 'boolean' }
  /** Any value that JSON can hold. */
  | { readonly kind: 'any' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'union'; readonly members: readonly SchemaNode[] }
);

const keywords = new Set([
  'type',
  'properties',
  'required',
  'additionalProperties',
  'patternProperties',
  'maxProperties',
  'items',
  'minItems',
  'maxItems',
  'pattern',
  'maxLength',
  'minimum',
  'maximum',
  'const',
  'anyOf',
  'default',
  'description',
]);

export function schemaNode(schema: unknown): SchemaNode {
  const raw = asObject(schema);
  // TypeBox keeps its own marks in keys that begin with `~`, outside what JSON sees.
  for (const key of Object.keys(raw)) assert(keywords.has(key), `schema keyword ${key}`);
  const common = { description: textOrNull(raw['description']), fallback: raw['default'] };
  if (Array.isArray(raw['anyOf']))
    return { ...common, kind: 'union', members: raw['anyOf'].map(schemaNode) };
  const value = raw['const'];
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return { ...common, kind: 'literal', value };
  }
  switch (raw['type']) {
    case 'object':
      return {
        ...common,
        ...(raw['patternProperties'] === undefined ? objectNode(raw) : recordNode(raw)),
      };
    case 'array':
      return {
        ...common,
        kind: 'array',
        items: schemaNode(raw['items']),
        itemsMin: numberOr(raw['minItems'], 0),
        itemsMax: numberOr(raw['maxItems'], Number.POSITIVE_INFINITY),
      };
    case 'string':
      return {
        ...common,
        kind: 'string',
        pattern: textOrNull(raw['pattern']),
        charactersMax: numberOr(raw['maxLength'], stringCharactersMax),
      };
    case 'integer':
      return {
        ...common,
        kind: 'integer',
        minimum: numberOr(raw['minimum'], Number.MIN_SAFE_INTEGER),
        maximum: numberOr(raw['maximum'], Number.MAX_SAFE_INTEGER),
      };
    case 'boolean':
      return { ...common, kind: 'boolean' };
    case undefined:
      return { ...common, kind: 'any' };
    default:
      throw new Error(`assertion failed: schema type ${String(raw['type'])}`);
  }
}

/** For strings whose schema names no bound. */
const stringCharactersMax = 4_096;

function objectNode(raw: Record<string, unknown>) {
  assert(raw['additionalProperties'] === false, 'every object in the schema refuses unknown keys');
  const required = Array.isArray(raw['required']) ? raw['required'] : [];
  const properties = new Map<string, { node: SchemaNode; required: boolean }>();
  for (const [key, value] of Object.entries(asObject(raw['properties']))) {
    properties.set(key, { node: schemaNode(value), required: required.includes(key) });
  }
  return { kind: 'object' as const, properties };
}

function recordNode(raw: Record<string, unknown>) {
  const entries = Object.entries(asObject(raw['patternProperties']));
  const [first] = entries;
  assert(
    first !== undefined && entries.length === 1,
    'a record in the schema has one pattern for its names',
  );
  return {
    kind: 'record' as const,
    namePattern: first[0],
    entry: schemaNode(first[1]),
    entriesMax: numberOr(raw['maxProperties'], Number.POSITIVE_INFINITY),
  };
}

function asObject(value: unknown): Record<string, unknown> {
  assert(typeof value === 'object' && value !== null, 'a schema node is an object');
  return value as Record<string, unknown>;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}
