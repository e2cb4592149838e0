/** What is read of Cookie fields, and what is left of them for the origin. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { passesOf, withoutPass } from '#proxy/challenge/pass-cookie.ts';
import { noFields } from '#proxy/header-edits.ts';
import { fieldKind } from '#proxy/http1/field-kind.ts';
import { viewOf } from '../../support/view.ts';

type Case = {
  readonly fields: readonly string[];
  readonly passes: readonly string[];
  /** Cookie fields written anew. */
  readonly rest: readonly string[];
  /** How many of those that came are taken out. */
  readonly removed: number;
};

const cases: readonly Case[] = [
  { fields: [], passes: [], rest: [], removed: 0 },
  { fields: ['a=1; b=2'], passes: [], rest: [], removed: 0 },
  { fields: ['__weir_pass=x'], passes: ['x'], rest: [], removed: 1 },
  { fields: ['a=1; __weir_pass=x'], passes: ['x'], rest: ['a=1'], removed: 1 },
  { fields: ['__weir_pass=x; a=1'], passes: ['x'], rest: ['a=1'], removed: 1 },
  { fields: ['a=1;__weir_pass=x;b=2'], passes: ['x'], rest: ['a=1;b=2'], removed: 1 },
  { fields: ['a=1; __weir_pass=x; b=2'], passes: ['x'], rest: ['a=1; b=2'], removed: 1 },
  { fields: ['__weir_pass=x; __weir_pass=y'], passes: ['x', 'y'], rest: [], removed: 1 },
  { fields: ['a=1', '__weir_pass=x', 'b=2'], passes: ['x'], rest: [], removed: 1 },
  { fields: ['__weir_pass = x; a=1'], passes: ['x'], rest: ['a=1'], removed: 1 },
  { fields: ['__weir_pass; a=1'], passes: [], rest: ['a=1'], removed: 1 },
  { fields: ['__weir_pass='], passes: [''], rest: [], removed: 1 },
  { fields: ['a=__weir_pass=x'], passes: [], rest: [], removed: 0 },
  { fields: ['x__weir_pass=x; __weir_passes=y'], passes: [], rest: [], removed: 0 },
  {
    fields: [Array.from({ length: 9 }, (_, i) => `__weir_pass=${i}`).join('; ')],
    passes: ['0', '1', '2', '3'],
    rest: [],
    removed: 1,
  },
];

describe('Cookie fields', () => {
  for (const { fields, passes, rest, removed } of cases) {
    it(JSON.stringify(fields).slice(0, 80), () => {
      const headers = fields.map((value) => ['COOKIE', value] as const);
      const view = viewOf({ target: '/', headers: [['Host', 'x'], ...headers] });
      assert.deepEqual(passesOf(view), passes);
      const added = { lines: 'A: b\r\n', pairs: [['a', 'b']] as const };
      const result = withoutPass(view, added);
      assert.equal(result.lines, ['A: b', ...rest.map((one) => `Cookie: ${one}`), ''].join('\r\n'));
      assert.deepEqual(result.pairs, [['a', 'b'], ...rest.map((one) => ['cookie', one])]);
      const marked = view.kinds.subarray(0, view.headerCount);
      assert.equal(marked.filter((kind) => kind === fieldKind.removed).length, removed);
    });
  }

  it('a field that is taken out already does not come back', () => {
    const view = viewOf({ target: '/', headers: [['Cookie', 'a=1; __weir_pass=x']] });
    view.kinds[0] = fieldKind.removed;
    assert.equal(withoutPass(view, noFields), noFields);
  });

  it('a request without a pass costs no new object', () => {
    const view = viewOf({ target: '/', headers: [['Cookie', 'a=1']] });
    assert.equal(withoutPass(view, noFields), noFields);
  });
});
