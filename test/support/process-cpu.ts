/** CPU seconds of a process and of all below it so far, from the kernel's own account; 0 of one that is gone. */
import { readFileSync } from 'node:fs';

const ticksPerSecond = 100;

export function cpuSecondsOf(pid: number): number {
  const own = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);
  // User and system time; those of ended children are not of those that run.
  const ticks = Number(own[11] ?? 0) + Number(own[12] ?? 0);
  return ticks / ticksPerSecond + children.reduce((sum, one) => sum + cpuSecondsOf(Number(one)), 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
