import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldNamed } from '#waf/field-named.ts';
import { responseView } from '#wasm/seclang/built-request.ts';
import { ShownTypes } from '#wasm/seclang/shown-types.ts';

const view = responseView(200, [
  ['Content-Typo', 'a'],
  ['cONTENT-tYPE', 'b'],
  ['X-1', 'c'],
  ['Content-Type', 'd'],
]);

describe('a field of a head, by its name', () => {
  for (const [name, from, expected] of [
    ['content-type', 0, 1],
    ['content-type', 2, 3],
    ['content-type', 4, -1],
    ['content-typ', 0, -1],
    ['content-encoding', 0, -1],
    ['x-1', 0, 2],
    ['x-1', 3, -1],
  ] as const)
    it(`${name} from ${from} on: ${expected}`, () => {
      assert.equal(fieldNamed(view, name, from), expected);
    });
});

describe('whose bodies rules look at', () => {
  const settings = { responseBodyAccess: true, responseBodyMimeTypes: ['text/html', 'null'] };
  const types = new ShownTypes(settings);
  const has = (...fields: [string, string][]): boolean => types.has(responseView(200, fields));

  it('goes by the type alone, in whatever order answers come', () => {
    for (const [value, expected] of [
      ['text/html', true],
      ['text/htmL', true],
      ['text/html; charset=utf-8', true],
      ['text/htmk', false],
      ['text/htmk', false],
      [`text/html;${'x'.repeat(200)}`, true],
      [`image/png;${'x'.repeat(200)}`, false],
      ['', false],
      ['text/html', true],
    ] as const)
      assert.equal(has(['Content-Type', value]), expected, value);
    assert.equal(has(), true);
  });

  it('no type counts where bodies are not looked at', () => {
    const off = new ShownTypes({ ...settings, responseBodyAccess: false });
    assert.equal(off.has(responseView(200, [['Content-Type', 'text/html']])), false);
  });
});
