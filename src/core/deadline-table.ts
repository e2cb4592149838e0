/**
 * Time limits for many connections at no cost per event: moving a deadline is one assignment, and one
 * timer looks over all of them.
 *
 * A deadline is met late by at most `sweepMs`, which is why it suits limits of a second and more. The
 * table is a dense array; leaving it moves the last entry into the gap.
 */
import { monotonicMs } from '#core/clock.ts';

export interface Expiring {
  /** When it is due, by `monotonicMs`; Infinity for never. */
  deadlineAt: number;
  /** Where it stands in the table; kept by the table, -1 outside. */
  deadlineSlot: number;
  onDeadline(): void;
}

export const sweepMs = 200;

export class DeadlineTable {
  readonly #entries: Expiring[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#sweep(), sweepMs);
    this.#timer.unref();
  }

  get size(): number {
    return this.#entries.length;
  }

  add(entry: Expiring): void {
    entry.deadlineSlot = this.#entries.push(entry) - 1;
  }

  remove(entry: Expiring): void {
    const slot = entry.deadlineSlot;
    if (slot < 0) return;
    const last = this.#entries.pop() as Expiring;
    if (last !== entry) {
      this.#entries[slot] = last;
      last.deadlineSlot = slot;
    }
    entry.deadlineSlot = -1;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    const now = monotonicMs();
    const due: Expiring[] = [];
    for (const entry of this.#entries) if (entry.deadlineAt <= now) due.push(entry);
    for (const entry of due) {
      // An earlier one of this sweep may have moved or removed it.
      if (entry.deadlineSlot >= 0 && entry.deadlineAt <= now) entry.onDeadline();
    }
  }
}
