/**
 * The configuration as a JSON Schema, for editors (`# yaml-language-server: $schema=…`) and for
 * `weir config schema`. As people write it: a key with a default may be left out.
 */
import { configSchema } from './schema.ts';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export function jsonSchema(): { readonly [key: string]: JsonValue } {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Weir configuration',
    ...asWritten(JSON.parse(JSON.stringify(configSchema))),
  };
}

/** A schema without what the loader fills in: keys with a default may be left out. */
export function asWritten(node: { [key: string]: JsonValue }): { [key: string]: JsonValue } {
  const result: { [key: string]: JsonValue } = {};
  for (const [keyword, value] of Object.entries(node)) {
    if (keyword === 'properties' || keyword === 'patternProperties') {
      result[keyword] = Object.fromEntries(
        Object.entries(asNode(value)).map(([name, child]) => [name, asWritten(asNode(child))]),
      );
    } else if (keyword === 'items') {
      result[keyword] = asWritten(asNode(value));
    } else if (keyword === 'required') {
      const properties = asNode(node['properties'] ?? {});
      const names = (Array.isArray(value) ? value : []).filter(
        (name) => !('default' in asNode(properties[String(name)] ?? {})),
      );
      if (names.length > 0) result[keyword] = names;
    } else {
      result[keyword] = value;
    }
  }
  // A record that may hold any name would let a misspelt one through.
  if ('patternProperties' in node) result['additionalProperties'] = false;
  return result;
}

function asNode(value: JsonValue): { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? { ...(value as { [key: string]: JsonValue }) }
    : {};
}
