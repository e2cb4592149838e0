/**
 * `npm test`: sets up what is missing, checks the tree, runs every test; the runner's summary comes last.
 * `npm test -- test/config/*.test.ts` runs some of them, without the check of the tree.
 */
import { availableParallelism } from 'node:os';
import { root } from './find-node.mjs';
import { runChild } from './run-child.mjs';
import { setUpOrExit } from './setup.mjs';
import { makeTestFolder, removeFolder, sweepTestFolders } from './test-folder.mjs';

const testTimeoutMs = 180_000;

const { node } = await setUpOrExit({ forTests: true });
const named = process.argv.slice(2);
// Tests say which settings they mean; those of the person who runs them are not among them.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')),
);

const checked =
  named.length > 0 ? 0 : await runChild(node, ['scripts/check.ts'], { cwd: root, env });
if (checked === 0) {
  const runner = [
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${availableParallelism()}`,
    `--test-timeout=${testTimeoutMs}`,
  ];
  sweepTestFolders();
  const folder = makeTestFolder();
  process.exitCode = await runChild(
    node,
    [...runner, ...(named.length > 0 ? named : ['test/**/*.test.ts'])],
    { cwd: root, env: { ...env, TMPDIR: folder } },
  );
  removeFolder(folder);
} else {
  console.error('the tree does not pass its check: no test was run');
  process.exitCode = checked;
}
