/** The names the codec knows, and the check of a configuration that must know the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownFields } from '#core/own-fields.ts';
import { ascii } from '#proxy/http1/bytes.ts';
import { classifyField, fieldKind, knownFields } from '#proxy/http1/field-kind.ts';

const kindOf = (name: string): number => classifyField(ascii(name), 0, name.length);

test('a name is known in any case of letters, and an alias with a dot or an underscore', () => {
  for (const [name, kind] of knownFields) {
    assert.equal(kindOf(name), kind, name);
    assert.equal(kindOf(name.toUpperCase()), kind, name);
    if (!name.includes('-')) continue;
    assert.equal(kindOf(name.replace('-', '_')), fieldKind.alias, name);
    assert.equal(kindOf(name.replaceAll('-', '.')), fieldKind.alias, name);
    assert.equal(kindOf(`${name}x`), fieldKind.other, name);
  }
});

test('no route may set or remove a field that is the codec’s own', () => {
  const own = knownFields.filter(([, kind]) => kind !== fieldKind.banner).map(([name]) => name);
  assert.deepEqual([...ownFields].sort(), own.sort());
});
