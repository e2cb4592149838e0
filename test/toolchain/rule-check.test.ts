/** A check says of rules what a build would: one that reads well and cannot be run is no rule without problems. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { checkRules } from '#toolchain/rule-check.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-rule-check-'));
after(() => rmSync(folder, { recursive: true }));

writeFileSync(join(folder, 'empty.data'), '# nothing\n');

describe('a check of rules', () => {
  it('has no problem with what can run', () => {
    const file = join(folder, 'good.conf');
    writeFileSync(file, 'SecRule ARGS "@rx union" "id:1,phase:2,deny"\n');
    const { problems, fates } = checkRules([file], true);
    assert.deepEqual([problems, fates.map(({ fate }) => fate)], [[], ['loaded']]);
  });

  it('says all that is wrong at once, in the order of the files', () => {
    const file = join(folder, 'all.conf');
    const lines = [
      'SecRule ARGS "@pmFromFile empty.data" "id:1,phase:1,deny"',
      'SecRule ARGS "@rx (" "id:2,phase:1,deny"',
      'SecRule ARGS a "id:3,phase:1,denny"',
      'SecRule ARGZ a "id:4,phase:1,deny"',
      'SecRule ARGS "@rx (?:a{1,300}b{1,300}){1,300}" "id:5,phase:1,deny"',
      `SecRule ARGS "@pm ${'x'.repeat(5_000)}" "id:6,phase:1,deny"`,
    ];
    writeFileSync(file, lines.join('\n'));
    const { problems } = checkRules([file], true);
    assert.deepEqual(
      problems.map(({ position }) => position.line),
      [1, 2, 3, 4, 5, 6],
    );
  });
});
