/**
 * Runs the Core Rule Set's own tests over the socket of an edge and says what passes, by file.
 *
 *     node scripts/run-core-rule-set.ts [--write]
 *
 * `--write` keeps the page in docs/reference/core-rule-set.md. Needs the rules beside the checkout (`../shared/crs`).
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { coreRuleSetPage, pageOf, runCoreRuleSet } from '../test/support/core-rule-set-tests.ts';
import { missingShared } from '../test/support/shared-file.ts';

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const missing = missingShared('crs/tests');
if (missing !== false) {
  process.stderr.write(`${missing}\n`);
  process.exit(1);
}
const page = pageOf(await runCoreRuleSet());
process.stdout.write(page);
if (values.write) writeFileSync(coreRuleSetPage, page);
