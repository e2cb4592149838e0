/** What runs of the tests leave in the temporary folder. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { until } from '../support/until.ts';

/** Plain JavaScript, as any Node of ours or older has to read it; what it takes and gives is said here. */
const { makeTestFolder, removeFolder, sweepTestFolders } = (await import(
  new URL('../../scripts/test-folder.mjs', import.meta.url).href
)) as {
  makeTestFolder(parent: string): string;
  removeFolder(path: string): boolean;
  sweepTestFolders(parent: string): string[];
};

describe('the folder of a run of the tests', () => {
  it('is removed by the next run once its process is gone, and nothing else is', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'weir-sweep-'));
    // Both hold the word in their command lines; one is another program that has got the id of a run.
    const idle = 'setInterval(() => {}, 1_000)';
    const runs = spawn(process.execPath, ['-e', idle, 'scripts/test.mjs'], { stdio: 'ignore' });
    const other = spawn(process.execPath, ['-e', idle], { stdio: 'ignore' });
    try {
      await until('both run', () => existsSync(`/proc/${runs.pid}`) && other.pid !== undefined);
      const named = (name: string) => join(parent, name);
      for (const name of [
        `weir-tests-${runs.pid}`,
        `weir-tests-${other.pid}`,
        `weir-tests-${2 ** 30}`,
        'weir-tests-x',
        'weir-state',
      ]) {
        mkdirSync(named(name));
        writeFileSync(join(named(name), 'file'), '');
      }
      const swept = sweepTestFolders(parent).toSorted();
      assert.deepEqual(swept, [`weir-tests-${2 ** 30}`, `weir-tests-${other.pid}`].toSorted());
      for (const name of swept) assert(!existsSync(named(name)));
      for (const name of [`weir-tests-${runs.pid}`, 'weir-tests-x', 'weir-state'])
        assert(existsSync(join(named(name), 'file')));
    } finally {
      for (const child of [runs, other]) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      rmSync(parent, { recursive: true, force: true });
    }
  });

  it('lets other users through, and is empty at the beginning', () => {
    const parent = mkdtempSync(join(tmpdir(), 'weir-sweep-'));
    try {
      const path = makeTestFolder(parent);
      writeFileSync(join(path, 'left'), '');
      assert.equal(makeTestFolder(parent), path);
      assert(!existsSync(join(path, 'left')));
      assert.equal(statSync(path).mode & 0o777, 0o711);
      assert(removeFolder(path) && !existsSync(path));
    } finally {
      rmSync(parent, { recursive: true, force: true });
    }
  });
});
