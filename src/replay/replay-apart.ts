/**
 * A recording run through two rule sets in a thread of its own: what a candidate would have done otherwise, before it
 * does anything. The thread has a deadline, and one at a time is enough: the caller sees to that.
 */
import { doApart } from './apart.ts';
import type { Difference } from './difference.ts';
import type { FromReplay, ReplayJob } from './replay-thread.ts';
import type { SideSource } from './rule-side.ts';

export const replayMsMax = 600_000;
const heapMegabytesMax = 512;

export type Replayed = {
  readonly difference: Difference;
  /** What kept a part of the recording from being read. */
  readonly problem: string | null;
};

export type ReplayOptions = {
  /** Of each kind of change. */
  readonly examplesMax: number;
  readonly requestsMax: number;
  readonly onProgress?: (requests: number, sharePercent: number) => void;
  readonly deadlineMs?: number;
};

/** `file` is the path of a recording. Throws MODULE_INVALID, CONFIG_INVALID, REPLAY_FAILED. */
export async function replayRecording(
  file: string,
  live: SideSource,
  candidate: SideSource,
  { examplesMax, requestsMax, onProgress, deadlineMs = replayMsMax }: ReplayOptions,
): Promise<Replayed> {
  const job: ReplayJob = { file, live, candidate, examplesMax, requestsMax };
  return doApart<FromReplay>(new URL('./replay-thread.ts', import.meta.url), job, {
    name: 'the replay',
    deadlineMs,
    pastDeadline: `the replay took longer than ${deadlineMs / 1_000} s; ask for fewer requests`,
    heapMegabytesMax,
    onMessage: ({ requests, sharePercent }) => onProgress?.(requests, sharePercent),
  });
}
