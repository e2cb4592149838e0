/** What `weir check` says of rates and behaviour that cannot work. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { problemsOf } from '../support/config-check.ts';

const cases: readonly (readonly [name: string, yaml: string, says: RegExp | null])[] = [
  ['one with a name alone', 'rates: [{ name: a }]', null],
  [
    'two of one name',
    'rates: [{ name: a }, { name: a }]',
    /rates\[1\]\.name: a is the name of another rate/,
  ],
  [
    'of a key that is there twice',
    'rates: [{ name: a, key: ["header:X-A", "header:x-a"] }]',
    /rates\[0\]\.key\[1\]: header:x-a is there twice/,
  ],
  [
    'of everybody with a penalty',
    'rates: [{ name: a, key: [], penaltySeconds: 5 }]',
    /rates\[0\]\.penaltySeconds: one request too many would shut everybody out/,
  ],
  [
    'that only watches, with a penalty',
    'rates: [{ name: a, mode: monitor, penaltySeconds: 5 }]',
    /rates\[0\]\.penaltySeconds: has no effect in mode monitor/,
  ],
  ['of a route', 'rates: [{ name: a, match: { route: "* /" } }]', null],
  [
    'of a route that is not there',
    'rates: [{ name: a, match: { route: "* /api" } }]',
    /no route is called "\* \/api" \(there are "\* \/"\)/,
  ],
  [
    'over a fleet without one',
    'rates: [{ name: a, scope: fleet }]',
    /rates\[0\]\.scope: counts over a fleet, and this node is in none/,
  ],
  ['a behaviour with nothing in it', 'behaviour: {}', null],
  [
    'a behaviour over a fleet without one',
    'behaviour: { scope: fleet }',
    /behaviour\.scope: blocks over a fleet, and this node is in none/,
  ],
];

describe('rates and behaviour', () => {
  for (const [name, yaml, says] of cases)
    it(name, async () => {
      const problems = await problemsOf({ rest: yaml });
      if (says === null) assert.deepEqual(problems, []);
      else assert.match(problems.join('\n'), says);
    });
});
