/** Of all that says what a rule does, the weakest holds, in whatever order it stands. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Mode, type ModeRow, RuleModes, unknownNames } from '#waf/rule-modes.ts';

const rule = { name: 'crs/942100', id: 942100, tags: ['attack-sqli', 'paranoia-level/1'] };
const none = { inbound: null, outbound: null };
const row = (mode: Mode, about: Partial<ModeRow>): ModeRow => ({
  rules: [],
  tags: [],
  ...about,
  mode,
});

const cases: readonly (readonly [why: string, Mode, Mode, readonly ModeRow[], Mode])[] = [
  ['nothing is said', 'block', 'block', [], 'block'],
  ['the route', 'monitor', 'block', [], 'monitor'],
  ['the entry', 'block', 'challenge', [], 'challenge'],
  ['the weaker of both', 'challenge', 'monitor', [], 'monitor'],
  ['an identifier', 'block', 'block', [row('monitor', { rules: ['942100'] })], 'monitor'],
  ['a range', 'block', 'block', [row('off', { rules: ['942000-942100'] })], 'off'],
  ['a range beside it', 'block', 'block', [row('off', { rules: ['942101-942999'] })], 'block'],
  ['a name', 'block', 'block', [row('off', { rules: ['crs/942100'] })], 'off'],
  ['a tag', 'block', 'block', [row('challenge', { tags: ['attack-sqli'] })], 'challenge'],
  ['a part of a tag', 'block', 'block', [row('off', { tags: ['attack'] })], 'block'],
  ['the whole entry', 'block', 'block', [row('monitor', { entry: 'crs' })], 'monitor'],
  ['another entry', 'block', 'block', [row('off', { entry: 'core' })], 'block'],
  [
    'a rule of another entry',
    'block',
    'block',
    [row('off', { entry: 'core', rules: ['942100'] })],
    'block',
  ],
  [
    'the weakest of several',
    'block',
    'block',
    [
      row('off', { rules: ['942100'] }),
      row('monitor', { tags: ['attack-sqli'] }),
      row('challenge', { entry: 'crs' }),
    ],
    'off',
  ],
  [
    'never stronger than the route',
    'monitor',
    'block',
    [row('challenge', { rules: ['942100'] })],
    'monitor',
  ],
];

for (const [why, route, entry, rows, expected] of cases)
  it(`a rule is in mode ${expected}: ${why}`, () => {
    for (const given of [rows, rows.toReversed()])
      assert.equal(new RuleModes('crs', route, entry, given, none).of(rule), expected);
  });

it('a rule or a tag that no rule set has is named, and rules of modules are not judged', () => {
  const sets = [{ entry: 'crs', rules: [rule] }];
  const rows = [
    row('off', { rules: ['942100', '1-2', 'crs/7', 'path-traversal/dot-dot'] }),
    row('off', { tags: ['attack-sqli', 'attack-sqil'] }),
    row('off', { entry: 'core', rules: ['942100'] }),
  ];
  assert.deepEqual(unknownNames(rows, sets), [
    { row: 0, what: 'rule 1-2' },
    { row: 0, what: 'rule crs/7' },
    { row: 1, what: 'tag attack-sqil' },
    { row: 2, what: 'rule 942100' },
  ]);
});
