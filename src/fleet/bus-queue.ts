/**
 * What waits for the handler of one subscription: bounded in entries and bytes, handled in slices so that a
 * thousand batches at once leave the event loop to others. What does not fit is dropped and counted, and asked
 * for again by digest.
 */

export type BusMessage = {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly reply: string | null;
};

export type Handler = (message: BusMessage) => void;

export type QueueLimits = {
  readonly pendingEntriesMax: number;
  readonly pendingBytesMax: number;
};

/** How long handlers of one subscription run before the event loop has its turn. */
const sliceMs = 8;

export class QueuedSubscription {
  readonly #handler: Handler;
  readonly #limits: QueueLimits;
  readonly #onLoss: (lost: number) => void;
  #queue: BusMessage[] = [];
  #at = 0;
  #bytes = 0;
  #isScheduled = false;
  #isClosed = false;

  constructor(handler: Handler, limits: QueueLimits, onLoss: (lost: number) => void) {
    this.#handler = handler;
    this.#limits = limits;
    this.#onLoss = onLoss;
  }

  take(message: BusMessage): void {
    const waiting = this.#queue.length - this.#at;
    if (
      waiting >= this.#limits.pendingEntriesMax ||
      this.#bytes + message.bytes.length > this.#limits.pendingBytesMax
    ) {
      this.#onLoss(1);
      return;
    }
    this.#queue.push(message);
    this.#bytes += message.bytes.length;
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#queue = [];
    this.#at = 0;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    setImmediate(() => this.#work());
  }

  #work(): void {
    this.#isScheduled = false;
    const endsAt = performance.now() + sliceMs;
    while (!this.#isClosed) {
      const message = this.#queue[this.#at];
      if (message === undefined) {
        this.#queue = [];
        this.#at = 0;
        return;
      }
      this.#at++;
      this.#bytes -= message.bytes.length;
      this.#handler(message);
      if (performance.now() >= endsAt) break;
    }
    // What was handled is let go of; the rest waits for the next turn.
    this.#queue = this.#queue.slice(this.#at);
    this.#at = 0;
    if (this.#queue.length > 0) this.#schedule();
  }
}
