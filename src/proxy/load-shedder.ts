/**
 * Turns requests away while the worker has more to do than it can: an answer that costs nothing now beats
 * one that nobody waits for any more.
 *
 * Two pressures are watched: how late the event loop is (a timer that should fire every `sampleMs`, its
 * delay smoothed so that one pause for the collector says nothing), and how many requests are under way.
 * Shedding by delay ends at half of the limit, so that it does not flutter.
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

  /** Asked for each request after it has been counted in. */
  refuses(): boolean {
    if (this.#isLate) return true;
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
