/**
 * The temporary folder of one run of the tests. Tests make theirs inside of it (TMPDIR), so what is left of those that
 * were cut off goes with the run, and what is left of a run that was cut off with the next one.
 *
 * The name has the process that runs the tests. Ids are used again, so a process of that id that does something else
 * counts as gone.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const pattern = /^weir-tests-(\d+)$/;
/** In the command line of who runs tests. */
const runner = 'scripts/test.mjs';

/** @param {string} [parent] */
export function makeTestFolder(parent = tmpdir()) {
  const path = join(parent, `weir-tests-${process.pid}`);
  removeFolder(path);
  mkdirSync(path);
  // Some tests run nodes as another user, who has to get through.
  chmodSync(path, 0o711);
  return path;
}

/**
 * Removes those whose run is over; the names of what was removed.
 *
 * @param {string} [parent]
 * @returns {string[]}
 */
export function sweepTestFolders(parent = tmpdir()) {
  return readdirSync(parent).filter((name) => {
    const pid = pattern.exec(name)?.[1];
    if (pid === undefined || runsTests(Number(pid))) return false;
    return removeFolder(join(parent, name));
  });
}

/** Whether it is gone: one of another user stays. @param {string} path */
export function removeFolder(path) {
  try {
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

/** @param {number} pid */
function runsTests(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\\', '/').includes(runner);
  } catch {
    // No /proc here, or no such process: asked in a way that every system has.
    return process.platform !== 'linux' && answers(pid);
  }
}

/** @param {number} pid */
function answers(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
