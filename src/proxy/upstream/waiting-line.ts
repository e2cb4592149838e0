/** Requests that wait for a stream to one server, in order of arrival, each with a time limit. */
import { monotonicMs } from '#core/clock.ts';
import type { DeadlineTable, Expiring } from '#core/deadline-table.ts';
import type { StreamTaker } from './upstream-stream.ts';

export class WaitingLine implements Expiring {
  deadlineAt = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly #deadlines: DeadlineTable;
  readonly #waitingMax: number;
  readonly #waitMs: number;
  readonly #onExpired: (taker: StreamTaker) => void;
  readonly #waiting: { readonly taker: StreamTaker; readonly until: number }[] = [];

  constructor(
    deadlines: DeadlineTable,
    waitingMax: number,
    waitMs: number,
    onExpired: (taker: StreamTaker) => void,
  ) {
    this.#deadlines = deadlines;
    this.#waitingMax = waitingMax;
    this.#waitMs = waitMs;
    this.#onExpired = onExpired;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** False when the line is full. `awaited` streams are on their way: so many more may wait for them. */
  join(taker: StreamTaker, awaited = 0): boolean {
    if (this.#waiting.length >= this.#waitingMax + awaited) return false;
    const until = monotonicMs() + this.#waitMs;
    this.#waiting.push({ taker, until });
    if (this.#waiting.length === 1) {
      this.deadlineAt = until;
      this.#deadlines.add(this);
    }
    return true;
  }

  /** Takes one out that has gone away. */
  leave(taker: StreamTaker): void {
    const at = this.#waiting.findIndex((waiter) => waiter.taker === taker);
    if (at >= 0) this.#waiting.splice(at, 1);
    this.#rest();
  }

  next(): StreamTaker | undefined {
    const taker = this.#waiting.shift()?.taker;
    this.#rest();
    return taker;
  }

  /** The first in line has waited longest, so those whose time is up stand first. */
  onDeadline(): void {
    const now = monotonicMs();
    while (this.#waiting[0] !== undefined && this.#waiting[0].until <= now) {
      const taker = this.next();
      if (taker !== undefined) this.#onExpired(taker);
    }
  }

  #rest(): void {
    const first = this.#waiting[0];
    if (first === undefined) this.#deadlines.remove(this);
    else this.deadlineAt = first.until;
  }
}
