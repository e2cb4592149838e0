/**
 * What a running node or orchestrator writes about itself, so that the command line on the same machine
 * finds it, and so that a second one does not take its state directory.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type RunFile = {
  readonly pid: number;
  /** Where the management API listens, as `http://host:port`. */
  readonly admin: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly version: string;
};

export const runFile = 'edge.json';
export const orchestratorRunFile = 'orchestrator.json';

export type FoundRunFile = RunFile & { readonly processStart: string | null };

/** Null when there is none, or none that can be read as one. */
export function readRunFile(directory: string, name = runFile): FoundRunFile | null {
  try {
    return parseRunFile(readFileSync(join(directory, name), 'utf8'));
  } catch {
    return null;
  }
}

/** Null when the text is not what a node writes. */
export function parseRunFile(text: string): FoundRunFile | null {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof found !== 'object' || found === null) return null;
  const {
    pid,
    admin,
    startedAt,
    version,
    processStart: start = null,
  } = found as Record<string, unknown>;
  if (!Number.isSafeInteger(pid) || Number(pid) < 1) return null;
  if (typeof admin !== 'string' || typeof startedAt !== 'string' || typeof version !== 'string')
    return null;
  return {
    pid: Number(pid),
    admin,
    startedAt,
    version,
    processStart: typeof start === 'string' ? start : null,
  };
}

/** Whether the process that wrote the run file still lives; one that has ended and that nobody waited for does not. */
export function isRunning(run: FoundRunFile): boolean {
  try {
    process.kill(run.pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const fields = processFields(run.pid);
  if (fields === null) return true;
  // Where process 1 is no init, as in many containers, what was killed stays a zombie.
  const [state] = fields;
  const start = fields[startField] ?? null;
  if (state === 'Z' || state === 'X') return false;
  return run.processStart === null || start === null || start === run.processStart;
}

/** When the process began, in clock ticks since boot; null where /proc does not say. */
export function processStart(pid: number): string | null {
  return processFields(pid)?.[startField] ?? null;
}

/** Counted from the state on (proc_pid_stat(5), where that is field 3). */
const startField = 19;

function processFields(pid: number): readonly string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name stands in parentheses and may hold blanks and parentheses of its own.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
