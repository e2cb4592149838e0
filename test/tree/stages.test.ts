/** The stages that `node scripts/switch-off.ts` switches off are still there to be switched off. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stages } from '../../scripts/stages.ts';

const root = join(import.meta.dirname, '../..');

for (const { name, file, from, to, tests } of stages) {
  test(`${name}: its edit fits the code once, and has tests`, () => {
    assert.notEqual(from, to);
    assert.equal(readFileSync(join(root, file), 'utf8').split(from).length, 2);
    assert.ok(globSync(tests, { cwd: root }).length > 0);
  });
}
