/**
 * Processes that end with the test that started them, and all they have started with them: each leads a
 * group of its own, and what is left of it is killed when this process ends, also when the runner's time
 * limit ends it.
 */
const leaders = new Set<number>();
let isWatching = false;

/** `pid` was started with `detached: true`, or by a process that did so. */
export function endsWithUs(pid: number): void {
  if (!isWatching) {
    isWatching = true;
    process.on('exit', killAll);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => process.exit(1));
  }
  leaders.add(pid);
}

/** Kills what is left of a group; a group nobody is in any more is none. */
export function killGroup(pid: number): void {
  leaders.delete(pid);
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function killAll(): void {
  for (const pid of leaders) killGroup(pid);
}
