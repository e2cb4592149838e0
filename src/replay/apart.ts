/**
 * A job in a thread of its own, which ends with it: both ends of what they say to each other.
 *
 * ```
 * doApart ── job ─► doHere ── any messages, the last one `done`, or `failed` with what went wrong ─► doApart
 * ```
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '#core/assert.ts';
import { startBareThread } from '#core/bare-thread.ts';
import { describeError, type ErrorCode, WeirError } from '#core/errors.ts';

type Failed = {
  readonly kind: 'failed';
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly details: readonly string[];
};

export type ApartOptions<Message> = {
  /** What it is, for its failures. */
  readonly name: string;
  readonly deadlineMs: number;
  readonly pastDeadline: string;
  readonly heapMegabytesMax: number;
  /** What is said before the last word. */
  readonly onMessage?: (message: Exclude<Message, { kind: 'done' }>) => void;
};

/** The last word of the thread. */
export async function doApart<Message extends { readonly kind: string }>(
  thread: URL,
  job: unknown,
  { name, deadlineMs, pastDeadline, heapMegabytesMax, onMessage }: ApartOptions<Message>,
): Promise<Extract<Message, { kind: 'done' }>> {
  const worker = startBareThread(thread, heapMegabytesMax, job);
  const { promise, resolve, reject } = Promise.withResolvers<Extract<Message, { kind: 'done' }>>();
  const failed = (message: string, cause?: unknown) =>
    reject(new WeirError('REPLAY_FAILED', message, cause === undefined ? {} : { cause }));
  const timer = setTimeout(() => failed(pastDeadline), deadlineMs);
  worker.on('message', (message: Message | Failed) => {
    if (message.kind === 'done') resolve(message as Extract<Message, { kind: 'done' }>);
    else if (message.kind === 'failed') reject(errorOf(message as Failed));
    else onMessage?.(message as Exclude<Message, { kind: 'done' }>);
  });
  worker.once('error', (error) => failed(`the thread of ${name} failed`, error));
  worker.once('exit', () => failed(`the thread of ${name} ended without an answer`));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

const errorOf = ({ code, message, details }: Failed): WeirError =>
  new WeirError(code ?? 'REPLAY_FAILED', message, { details });

/** In the thread. */
export async function doHere<Job, Message extends { readonly kind: string }>(
  work: (job: Job, send: (message: Message) => void) => Promise<Extract<Message, { kind: 'done' }>>,
): Promise<void> {
  const port = parentPort;
  assert(port !== null, 'runs as a worker thread only');
  const send = (message: Message | Failed): void => port.postMessage(message);
  try {
    send(await work(workerData as Job, send));
  } catch (error) {
    const isOwn = error instanceof WeirError;
    send({
      kind: 'failed',
      code: isOwn ? error.code : null,
      message: describeError(error),
      details: isOwn ? error.details : [],
    });
  }
}
