/**
 * The least rate a request body must arrive at, so that one byte every few seconds does not hold a
 * connection for hours (slow body, R.U.D.Y.).
 *
 * The mean counts from the start of the body, after `graceMs` without a demand. Time in which the edge
 * itself did not read, because the upstream was slower, is not the client's and does not count.
 *
 * ```
 * must have arrived by t:  (t − start − paused − grace) × rate
 * ```
 */
export class BodyRate {
  #startedAt = 0;
  #pausedAt = 0;
  #bytes = 0;

  start(nowMs: number): void {
    this.#startedAt = nowMs;
    this.#pausedAt = 0;
    this.#bytes = 0;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  pause(nowMs: number): void {
    if (this.#pausedAt === 0) this.#pausedAt = nowMs;
  }

  resume(nowMs: number): void {
    if (this.#pausedAt === 0) return;
    this.#startedAt += nowMs - this.#pausedAt;
    this.#pausedAt = 0;
  }

  /** When the mean will be too low if nothing more comes; Infinity for a rate of 0. */
  deadline(graceMs: number, bytesPerSecondMin: number): number {
    if (bytesPerSecondMin === 0) return Number.POSITIVE_INFINITY;
    return this.#startedAt + graceMs + (this.#bytes / bytesPerSecondMin) * 1_000;
  }
}
