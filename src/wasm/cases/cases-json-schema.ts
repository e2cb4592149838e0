/** The JSON Schema of `cases.json` for editors: as people write it, with `"verdict": "allow"` and bare lists. */
import { asWritten, type JsonValue } from '#config/json-schema.ts';
import { caseFileSchema } from './case-schema.ts';
import { shortVerdicts } from './read-cases.ts';

type JsonObject = { readonly [key: string]: JsonValue };

export function casesJsonSchema(): JsonObject {
  const file = short(asWritten(JSON.parse(JSON.stringify(caseFileSchema)))) as JsonObject;
  const properties = file['properties'] as JsonObject;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Cases of a Weir rule module',
    anyOf: [file, properties['cases'] ?? {}],
  };
}

/** Those of its kinds that may stand alone. */
function shortKinds(verdict: JsonValue): JsonValue[] {
  const all = JSON.stringify(verdict);
  return shortVerdicts.filter((kind) => all.includes(`"const":"${kind}"`)) as JsonValue[];
}

/** The short form of a verdict beside the long one. */
function short(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(short);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      key === 'verdict' ? { anyOf: [{ enum: shortKinds(entry) }, entry] } : short(entry),
    ]),
  );
}
