/**
 * What the kernel says of the main thread of another process: its state, and the processor time it has used.
 *
 * From `/proc/PID/task/PID/stat` (proc_pid_stat(5)): the name of a process stands in parentheses and may hold
 * anything, so fields are counted from the last one. Times are in ticks of 10 ms on every machine Node runs on.
 */
import { readFileSync } from 'node:fs';

export type ThreadState = {
  /** R runs or waits for a processor, S sleeps, D waits for a disk, T is stopped, t is traced … */
  readonly state: string;
  readonly cpuMs: number;
};

const tickMs = 10;
/** Behind the name: utime and stime, fields 14 and 15 of all. */
const userTime = 11;
const systemTime = 12;

/** Null where the process has ended, or this is no Linux. */
export function readThreadState(pid: number): ThreadState | null {
  try {
    return parseThreadState(readFileSync(`/proc/${pid}/task/${pid}/stat`, 'latin1'));
  } catch {
    return null;
  }
}

export function parseThreadState(text: string): ThreadState | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const cpuMs = (Number(fields[userTime]) + Number(fields[systemTime])) * tickMs;
  const [state] = fields;
  return state === undefined || !Number.isFinite(cpuMs) ? null : { state, cpuMs };
}
