/**
 * The two time limits of a stream: for the next piece of a request body, with the least rate it must keep,
 * and for the client to take what waits for its window. Only streams that wait for either have a clock.
 */
import { monotonicMs } from '#core/clock.ts';
import type { DeadlineTable, Expiring } from '#core/deadline-table.ts';
import { BodyRate } from '../body-rate.ts';

export interface StreamLate {
  onBodyLate(): void;
  onSendLate(): void;
}

export class StreamClock implements Expiring {
  deadlineAt = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly rate = new BodyRate();
  readonly #deadlines: DeadlineTable;
  readonly #late: StreamLate;
  #bodyBy = Number.POSITIVE_INFINITY;
  #sendBy = Number.POSITIVE_INFINITY;

  constructor(deadlines: DeadlineTable, late: StreamLate) {
    this.#deadlines = deadlines;
    this.#late = late;
    deadlines.add(this);
  }

  awaitBody(idleMs: number, bytesPerSecondMin: number): void {
    const slowest = this.rate.deadline(idleMs, bytesPerSecondMin);
    this.#bodyBy = Math.min(monotonicMs() + idleMs, slowest);
    this.#move();
  }

  /** The body is whole, or the edge is the one that does not take it. */
  awaitNoBody(): void {
    this.#bodyBy = Number.POSITIVE_INFINITY;
    this.#move();
  }

  awaitSend(sendMs: number): void {
    this.#sendBy = monotonicMs() + sendMs;
    this.#move();
  }

  awaitNoSend(): void {
    this.#sendBy = Number.POSITIVE_INFINITY;
    this.#move();
  }

  stop(): void {
    this.#deadlines.remove(this);
  }

  onDeadline(): void {
    if (this.#sendBy <= monotonicMs()) this.#late.onSendLate();
    else this.#late.onBodyLate();
  }

  #move(): void {
    this.deadlineAt = Math.min(this.#sendBy, this.#bodyBy);
  }
}
