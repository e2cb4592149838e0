/**
 * Processes that carry a mark in their environment, and so all that were started by whoever was given it, in whatever
 * group or session they are now and whether or not their parent lives. One that was started with another environment
 * has no mark; its parent has one.
 */
import { readdirSync, readFileSync } from 'node:fs';

export const markName = 'TEST_RUN_MARK';
/** What is killed may have started another one meanwhile. */
const roundsMax = 10;

/** How many there were. */
export function killMarked(mark: string): number {
  const killed = new Set<number>();
  for (let round = 0; round < roundsMax; round++) {
    const found = marked(mark);
    if (found.length === 0) break;
    // One that was killed may take a while to be gone.
    for (const pid of found) if (kill(pid)) killed.add(pid);
  }
  return killed.size;
}

/** Without us. Of one that is ending, and of kernel threads, the environment is empty. */
function marked(mark: string): number[] {
  const entry = `${markName}=${mark}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => environmentOf(pid).includes(entry))
    .map(Number);
}

function environmentOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    // It has ended, or is somebody else's.
    return [];
  }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}
