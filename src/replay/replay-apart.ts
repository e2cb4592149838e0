/**
 * A recording run through two rule sets in a thread of its own: what a candidate would have done otherwise, before it
 * does anything. The thread has a deadline, and one at a time is enough: the caller sees to that.
 */
import { Worker } from 'node:worker_threads';
import { WeirError } from '#core/errors.ts';
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
  const worker = new Worker(new URL('./replay-thread.ts', import.meta.url), {
    workerData: job,
    env: {},
    argv: [],
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Replayed>();
  const failed = (message: string, cause?: unknown) =>
    reject(new WeirError('REPLAY_FAILED', message, cause === undefined ? {} : { cause }));
  const timer = setTimeout(
    () => failed(`the replay took longer than ${deadlineMs / 1_000} s; ask for fewer requests`),
    deadlineMs,
  );
  worker.on('message', (message: FromReplay) => {
    if (message.kind === 'progress') onProgress?.(message.requests, message.sharePercent);
    else if (message.kind === 'done') resolve(message);
    else
      reject(
        new WeirError(message.code ?? 'REPLAY_FAILED', message.message, {
          details: message.details,
        }),
      );
  });
  worker.once('error', (error) => failed('the thread of the replay failed', error));
  worker.once('exit', () => failed('the thread of the replay ended without an answer'));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
