/**
 * One request through live rules in a thread of its own, which has a deadline: what each of them found and what comes of
 * it, without sending it anywhere. Counts and token buckets begin empty, as in a replay (`rule-side.ts`).
 */
import { Worker } from 'node:worker_threads';
import { WeirError } from '#core/errors.ts';
import type { AskedRequest, FromInspection, Inspected, InspectJob } from './inspect-thread.ts';
import type { SideSource } from './rule-side.ts';

export const inspectMsMax = 30_000;
const heapMegabytesMax = 512;

/** Throws MODULE_INVALID, REPLAY_FAILED. */
export async function inspectApart(
  live: SideSource,
  request: AskedRequest,
  deadlineMs: number = inspectMsMax,
): Promise<Inspected> {
  const job: InspectJob = { live, request };
  const worker = new Worker(new URL('./inspect-thread.ts', import.meta.url), {
    workerData: job,
    env: {},
    argv: [],
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Inspected>();
  const failed = (message: string, cause?: unknown) =>
    reject(new WeirError('REPLAY_FAILED', message, cause === undefined ? {} : { cause }));
  const timer = setTimeout(
    () => failed(`the rules were not done with it within ${deadlineMs / 1_000} s`),
    deadlineMs,
  );
  worker.on('message', (message: FromInspection) => {
    if (message.kind === 'done') resolve(message.inspected);
    else
      reject(
        new WeirError(message.code ?? 'REPLAY_FAILED', message.message, {
          details: message.details,
        }),
      );
  });
  worker.once('error', (error) => failed('the thread of the rules failed', error));
  worker.once('exit', () => failed('the thread of the rules ended without an answer'));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
