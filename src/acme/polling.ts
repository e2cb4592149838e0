/** Asking a server again and again for what it works on: its Retry-After, else ever longer pauses, and an end. */
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '#core/clock.ts';
import type { Polled } from './acme-client.ts';
import { AcmeError } from './acme-error.ts';

export const pollMsMin = 250;
export const pollMsMax = 10_000;

export type PollOptions = {
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
};

/** Throws when `deadlineMs` would pass; the error carries the pause the server asked for. */
export async function pollUntil<T>(
  what: string,
  first: Polled<T> | null,
  read: () => Promise<Polled<T>>,
  isDone: (value: T) => boolean,
  { deadlineMs, signal }: PollOptions,
): Promise<T> {
  let ownPauseMs = pollMsMin;
  for (let polled = first ?? (await read()); ; polled = await read()) {
    if (isDone(polled.value)) return polled.value;
    // A server that says 0 would be asked in a loop without end.
    const pauseMs = Math.max(pollMsMin, polled.retryAfterMs ?? ownPauseMs);
    if (monotonicMs() + pauseMs > deadlineMs) {
      throw new AcmeError(`the ACME server has not finished with ${what} in time`, {
        type: 'notFinished',
        retryAfterMs: pauseMs,
      });
    }
    await delay(pauseMs, undefined, { signal });
    ownPauseMs = Math.min(pollMsMax, ownPauseMs * 2);
  }
}
