/**
 * What to write in the place of a value or key that is wrong. People come from nginx, HAProxy, Caddy and
 * Envoy with habits of theirs (`10s`, `10m`, a bare address, `tls: { cert: … }`); the hint says the same
 * in this configuration's words. No hint is better than one that misleads.
 */
import { nearestName } from '#core/nearest-name.ts';
import type { SchemaNode } from './schema-node.ts';
import type { SourceValue } from './yaml-source.ts';

export function valueHint(node: SchemaNode, value: SourceValue, path: string): string | undefined {
  switch (node.kind) {
    case 'string':
      if (typeof value === 'number' || typeof value === 'boolean') return 'put it in quotes';
      return capitalsHint(node, value);
    case 'array':
      return 'put it in [ ]';
    case 'object':
      return typeof value === 'string' ? mappingHint(node, value) : undefined;
    case 'integer':
      return typeof value === 'string' ? numberHint(value, path) : undefined;
    case 'union':
      return choiceHint(node.members, value);
    default:
      return undefined;
  }
}

/** A key that belongs one step deeper: `tls: { cert: … }` for `tls: { certificates: [{ cert: … }] }`. */
export function keyHint(
  properties: ReadonlyMap<string, { readonly node: SchemaNode }>,
  key: string,
): string | undefined {
  for (const [name, { node }] of properties) {
    const inner = node.kind === 'array' ? node.items : node;
    if (inner.kind !== 'object' || !inner.properties.has(key)) continue;
    const entry = `{ ${key}: … }`;
    return `it belongs under ${name}: write ${name}: ${node.kind === 'array' ? `[${entry}]` : entry}`;
  }
  return undefined;
}

function capitalsHint(node: SchemaNode, value: SourceValue): string | undefined {
  if (node.kind !== 'string' || node.pattern === null || typeof value !== 'string')
    return undefined;
  const capitals = value.toUpperCase();
  const isMeant = capitals !== value && new RegExp(node.pattern, 'u').test(capitals);
  return isMeant ? `write ${capitals}` : undefined;
}

/** Where a mapping needs one text alone, the text that stands in its place is most likely that one. */
function mappingHint(node: SchemaNode, value: string): string | undefined {
  if (node.kind !== 'object') return undefined;
  const needed = [...node.properties].filter(
    ([, property]) => property.required && property.node.fallback === undefined,
  );
  const [only] = needed;
  if (only === undefined || needed.length > 1 || only[1].node.kind !== 'string') return undefined;
  return value.length > 200 ? undefined : `write { ${only[0]}: ${JSON.stringify(value)} }`;
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const unitBytes: Readonly<Record<string, number>> = {
  k: 1_024,
  m: 1_048_576,
  g: 1_073_741_824,
};

function numberHint(text: string, path: string): string | undefined {
  if (/^[0-9]+$/.test(text)) return 'leave the quotes out';
  const match = /^([0-9]{1,6})\s?([a-z%]{1,3})$/i.exec(text);
  if (match === null) return undefined;
  const unit = (match[2] as string).toLowerCase();
  if (unit === '%') return `write ${match[1]}`;
  const [units, name] = path.endsWith('Ms')
    ? [unitMs, unit]
    : path.includes('ytes')
      ? [unitBytes, unit.replace(/i?b$/, '')]
      : [{}, unit];
  const size = units[name];
  return size === undefined ? undefined : `write ${Number(match[1]) * size}`;
}

function choiceHint(members: readonly SchemaNode[], value: SourceValue): string | undefined {
  const choices = members.flatMap((member) =>
    member.kind === 'literal' ? [String(member.value)] : [],
  );
  // 1.2 is a number to YAML, and a version to people.
  if (typeof value === 'number' && choices.includes(String(value))) return 'put it in quotes';
  if (typeof value !== 'string') return undefined;
  const near = nearestName(value, choices);
  return near === null ? undefined : `did you mean ${near}?`;
}
