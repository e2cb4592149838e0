/**
 * The Core Rule Set's own regression tests, over the socket of an edge as it ships: all pass, and the page in
 * docs/reference says what came of them.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { coreRuleSetPage, pageOf, runCoreRuleSet } from '../support/core-rule-set-tests.ts';
import { missingShared } from '../support/shared-file.ts';

it('the Core Rule Set passes its regression tests', {
  skip: missingShared('crs/tests'),
}, async (t) => {
  const run = await runCoreRuleSet();
  const { summary, results } = run;
  t.diagnostic(`${summary.passed} of ${summary.tests}`);
  assert.ok(results.length > 2_900, String(results.length));
  const missed = results.filter(({ outcome }) => outcome !== 'pass').map(({ name }) => name);
  assert.deepEqual(missed, []);
  assert.equal(
    readFileSync(coreRuleSetPage, 'utf8'),
    pageOf(run),
    'node scripts/run-core-rule-set.ts --write',
  );
});
