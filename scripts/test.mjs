/**
 * `npm test`: sets up what is missing, checks the tree, runs every test; the runner's summary comes last. Files of
 * which a test failed are run once more, alone, and said by name; what fails there too fails the run.
 * `npm test -- test/config/*.test.ts` runs some of them, without the check of the tree.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { root } from './find-node.mjs';
import { runChild } from './run-child.mjs';
import { setUpOrExit } from './setup.mjs';
import { makeTestFolder, removeFolder, sweepTestFolders } from './test-folder.mjs';

const testTimeoutMs = 180_000;
/** A defect breaks a test each time; a machine that is too busy breaks few of thousands (docs/decisions/second-run.md). */
const filesAgainMax = 4;

const { node } = await setUpOrExit({ forTests: true });
const named = process.argv.slice(2);
// Tests say which settings they mean; those of the person who runs them are not among them.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')),
);

const checked =
  named.length > 0 ? 0 : await runChild(node, ['scripts/check.ts'], { cwd: root, env });
if (checked === 0) {
  sweepTestFolders();
  const folder = makeTestFolder();
  const failures = join(folder, 'failed-files');
  const first = await runTests(
    named.length > 0 ? named : ['test/**/*.test.ts'],
    availableParallelism(),
  );
  const failed = first === 0 ? [] : readFileSync(failures, 'utf8').split('\n').filter(Boolean);
  const again = failed.length > 0 && failed.length <= filesAgainMax;
  if (again) {
    console.log(`\nfailed, and run once more, alone:\n  ${failed.join('\n  ')}\n`);
    process.exitCode = await runTests(failed, 1);
    if (process.exitCode === 0)
      console.log(`unsteady, each to be mended: ${failed.length} files that failed once above`);
  } else process.exitCode = first;
  removeFolder(folder);

  /** @param {string[]} files @param {number} concurrency */
  function runTests(files, concurrency) {
    const parameters = [
      '--test',
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      '--test-reporter=./scripts/failed-files.mjs',
      `--test-reporter-destination=${failures}`,
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${testTimeoutMs}`,
      ...files,
    ];
    return runChild(node, parameters, {
      cwd: root,
      env: { ...env, TMPDIR: folder, NODE_COMPILE_CACHE: join(root, 'build/compiled') },
    });
  }
} else {
  console.error('the tree does not pass its check: no test was run');
  process.exitCode = checked;
}
