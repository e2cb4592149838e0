import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import Type from 'typebox';
import { Compile } from 'typebox/schema';
import { Check } from 'typebox/value';
import { parse } from 'yaml';
import { referenceFiles } from '../../scripts/generate-reference.ts';
import { environmentKeys } from '../../src/config/environment.ts';
import { jsonSchema } from '../../src/config/json-schema.ts';
import { configSchema } from '../../src/config/schema.ts';
import { schemaNode } from '../../src/config/schema-node.ts';

for (const [file, content] of referenceFiles()) {
  test(`${file} is what the schema says now`, () => {
    const stored = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    assert.equal(stored, content, 'run: node scripts/generate-reference.ts');
  });
}

test('environment names are derived from paths', () => {
  const names = new Map(
    [...environmentKeys(schemaNode(configSchema))].map(([name, { path }]) => [name, path]),
  );
  assert.equal(names.get('WEIR_EDGE_LIMITS_URL_BYTES_MAX'), 'edge.limits.urlBytesMax');
  assert.equal(names.get('WEIR_STATE'), 'state');
  assert.equal(names.get('WEIR_ACCESS_LOG_TO'), 'accessLog.to');
  assert.ok(
    ![...names.values()].some((path) => /upstreams|routes|listeners|redact/.test(path)),
    'nothing inside lists and maps',
  );
});

test('the JSON Schema takes what people write and refuses unknown keys', () => {
  const schema = Compile(Type.Unsafe(jsonSchema()));
  const examples = readdirSync(new URL('../../config/', import.meta.url)).filter((name) =>
    name.endsWith('.yaml'),
  );
  assert.ok(examples.length >= 3);
  for (const name of examples) {
    const written: unknown = parse(
      readFileSync(new URL(`../../config/${name}`, import.meta.url), 'utf8'),
    );
    assert.ok(schema.Check(written), name);
    assert.ok(!Check(configSchema, written), `${name} leaves defaults to the loader`);
    assert.ok(!schema.Check({ ...(written as object), stat: 'x' }));
    assert.ok(!schema.Check({ ...(written as object), upstreams: { App: {} } }));
  }
});

test('a schema that says more than the loader checks is refused', () => {
  assert.throws(() => schemaNode(Type.String({ format: 'uri' })), /schema keyword format/);
  assert.throws(() => schemaNode(Type.Object({})), /refuses unknown keys/);
});
