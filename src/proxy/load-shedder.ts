/**
 * Turns requests away while the worker has more to do than it can: an answer that costs nothing now beats
 * one that nobody waits for any more.
 *
 * Two pressures are watched: how late the event loop is, and how many requests are under way. Lateness is a
 * timer that should fire every `sampleMs`, its delay smoothed so that one pause for the collector says
 * nothing; shedding by it ends at half of the limit, so that it does not flutter. And where one turn of the
 * loop has been at requests for longer than the limit, those behind in the same turn are that late already:
 * they are turned away without waiting for the timer, which fires when the turn has ended.
 */
import { monotonicMs } from '#core/clock.ts';
import type { Snapshot } from './snapshot.ts';

export const sampleMs = 50;
/** Weight of the newest sample. */
const weight = 0.3;

export class LoadShedder {
  readonly #workers: number;
  readonly #snapshot: () => Snapshot;
  readonly #onChange: (reason: string | null) => void;
  readonly #timer: NodeJS.Timeout;
  #expectedAt = monotonicMs() + sampleMs;
  #delayMs = 0;
  #isLate = false;
  #isFull = false;
  /** When the first request of this turn of the loop began; 0 before it. */
  #turnSince = 0;
  readonly #endTurn = (): void => {
    this.#turnSince = 0;
  };
  inFlight = 0;

  /** `onChange` gets the reason when shedding begins, and null when it has ended. */
  constructor(
    workers: number,
    snapshot: () => Snapshot,
    onChange: (reason: string | null) => void,
  ) {
    this.#workers = workers;
    this.#snapshot = snapshot;
    this.#onChange = onChange;
    this.#timer = setInterval(() => this.#sample(), sampleMs);
    this.#timer.unref();
  }

  get isShedding(): boolean {
    return this.#isLate || this.#isFull;
  }

  /** Asked for each request after it has been counted in; `now` is when it began. */
  refuses(now: number): boolean {
    if (this.#isLate || this.#isLateInTurn(now)) return true;
    if (this.inFlight <= this.#inFlightMax()) return false;
    if (!this.#isFull) {
      this.#isFull = true;
      this.#onChange(`${this.inFlight - 1} requests under way, the most there may be`);
    }
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #isLateInTurn(now: number): boolean {
    if (this.#turnSince === 0) {
      this.#turnSince = now;
      setImmediate(this.#endTurn);
    }
    return now - this.#turnSince > this.#snapshot().limits.shedAtLoopDelayMs;
  }

  #inFlightMax(): number {
    return Math.ceil(this.#snapshot().limits.shedAtRequests / this.#workers);
  }

  #sample(): void {
    const now = monotonicMs();
    this.#delayMs += weight * (Math.max(0, now - this.#expectedAt) - this.#delayMs);
    this.#expectedAt = now + sampleMs;
    const limitMs = this.#snapshot().limits.shedAtLoopDelayMs;
    const before = this.isShedding;
    if (this.#delayMs > limitMs) this.#isLate = true;
    else if (this.#delayMs < limitMs / 2) this.#isLate = false;
    if (this.inFlight < this.#inFlightMax()) this.#isFull = false;
    if (this.isShedding === before) return;
    this.#onChange(
      before
        ? null
        : `the event loop is ${Math.round(this.#delayMs)} ms late, more than ${limitMs} ms`,
    );
  }
}
