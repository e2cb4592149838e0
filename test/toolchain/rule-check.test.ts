/** A check says of rules what a build would: one that reads well and cannot be run is no rule without problems. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { checkRules } from '#toolchain/rule-check.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-rule-check-'));
after(() => rmSync(folder, { recursive: true }));

const cases: readonly (readonly [rule: string, says: RegExp | null])[] = [
  ['SecRule ARGS "@rx union" "id:1,phase:2,deny"', null],
  ['SecRule REMOTE_ADDR "@geoLookup" "id:1,phase:1,deny"', /@geoLookup is not run.*builtin:geo/],
];

describe('a check of rules', () => {
  for (const [index, [rule, says]] of cases.entries()) {
    it(`${says === null ? 'has no problem with' : 'refuses'} ${rule}`, () => {
      const file = join(folder, `${index}.conf`);
      writeFileSync(file, `${rule}\n`);
      const { problems, fates } = checkRules([file], true);
      assert.deepEqual(
        [problems.length, fates.map(({ fate }) => fate)],
        says === null ? [0, ['loaded']] : [1, ['refused']],
      );
      if (says === null) return;
      assert.match(problems[0]?.message ?? '', says);
      assert.match(problems[0]?.fix ?? '', /SecRuleRemoveById 1/);
      assert.deepEqual(problems[0]?.position, { file, line: 1, column: 1 });
    });
  }
});
