/** The limit on a whole exchange or tunnel, for routes that have one; others make none. */
import type { DeadlineTable, Expiring } from '#core/deadline-table.ts';

export interface Timed {
  onTotalTime(): void;
}

export class TotalTime implements Expiring {
  readonly deadlineAt: number;
  deadlineSlot = -1;
  readonly #timed: Timed;
  readonly #deadlines: DeadlineTable;

  constructor(timed: Timed, deadlines: DeadlineTable, atMs: number) {
    this.#timed = timed;
    this.#deadlines = deadlines;
    this.deadlineAt = atMs;
    deadlines.add(this);
  }

  end(): void {
    if (this.deadlineSlot >= 0) this.#deadlines.remove(this);
  }

  onDeadline(): void {
    this.end();
    this.#timed.onTotalTime();
  }
}
