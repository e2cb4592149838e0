/**
 * Streams whose response is whole before their request: the client is asked to stop (RST_STREAM with
 * NO_ERROR, RFC 9113 section 8.1), but not at once. Some clients, curl 7.88 among them, that read the response
 * and the reset in one go while they still send show nobody the response; given a moment, most requests
 * have come to their end by then, and the rest wait for window.
 */
import { monotonicMs } from '#core/clock.ts';
import type { DeadlineTable, Expiring } from '#core/deadline-table.ts';
import { errorCode } from './error-code.ts';
import type { FrameWriter } from './frame-writer.ts';

/** Beside what a sweep of the deadlines takes. */
export const lateResetMs = 300;
/** Streams that wait for it; beyond it all are reset at once. */
export const lateResetsMax = 100;

export class LateResets implements Expiring {
  deadlineAt = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly #frames: FrameWriter;
  readonly #deadlines: DeadlineTable;
  #streamIds: number[] = [];

  constructor(frames: FrameWriter, deadlines: DeadlineTable) {
    this.#frames = frames;
    this.#deadlines = deadlines;
  }

  add(streamId: number): void {
    this.#streamIds.push(streamId);
    if (this.#streamIds.length > lateResetsMax) this.onDeadline();
    else if (this.deadlineSlot < 0) {
      this.deadlineAt = monotonicMs() + lateResetMs;
      this.#deadlines.add(this);
    }
  }

  onDeadline(): void {
    const streamIds = this.#streamIds;
    this.drop();
    for (const streamId of streamIds) this.#frames.reset(streamId, errorCode.noError);
  }

  /** The session is over. */
  drop(): void {
    this.#streamIds = [];
    if (this.deadlineSlot >= 0) this.#deadlines.remove(this);
  }
}
