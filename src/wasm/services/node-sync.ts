/**
 * Keeps what modules share over the node in step with the other workers, through the supervisor.
 *
 * ```
 * kv_set, count, limit ─► here at once ─► batch, at most every 50 ms ─► supervisor ─► every other worker
 *                                                 └─ its copy, for workers that start
 * ```
 *
 * How far a worker can be behind: what the others did in the last `batchMs`, and while the message
 * travels, which is a millisecond unless a process is busy. A count lacks at most that; a bucket of capacity
 * C lets through at most C more for each other worker, and at a steady rate what arrives elsewhere in that
 * time. Of two writes to a key at nearly one time the later stays everywhere. Where the supervisor does
 * not keep up, changes are left out and counted, never waited for.
 */

import { Outbox, type Post } from './outbox.ts';
import { BatchBuilder } from './shared-batch.ts';
import type { ChangeOutlet } from './shared-store.ts';
import type { TakeOutlet } from './token-buckets.ts';
import type { Write } from './value-table.ts';
import type { CountDelta } from './window-counts.ts';

export const batchMs = 50;
const batchesWaitingMax = 16;

export class NodeSync implements ChangeOutlet, TakeOutlet {
  readonly #pending = new BatchBuilder();
  readonly #outbox: Outbox;
  readonly #onDropped: (changes: number) => void;
  readonly #fleet: ChangeOutlet = {
    // No value is kept over the fleet (`hostcalls/key-value.ts` refuses it by name).
    wrote: () => {},
    counted: (module, delta) => {
      this.#pending.fleetCount(module, delta);
      this.#changed();
    },
  };
  #timer: NodeJS.Timeout | null = null;

  constructor(post: Post, onDropped: (changes: number) => void) {
    this.#outbox = new Outbox(post, batchesWaitingMax, () => {});
    this.#onDropped = onDropped;
  }

  wrote(module: string, write: Write): void {
    this.#pending.write(module, write);
    this.#changed();
  }

  counted(module: string, delta: CountDelta): void {
    this.#pending.count(module, delta);
    this.#changed();
  }

  /** For what is counted over the fleet: the supervisor hands it on to workers and to other nodes. */
  get fleet(): ChangeOutlet {
    return this.#fleet;
  }

  took(low: number, high: number, debtMs: number): void {
    this.#pending.debt(low, high, debtMs);
    this.#changed();
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#pending.isEmpty) return;
    const batch = this.#pending.take();
    if (!this.#outbox.put(batch))
      this.#onDropped(
        batch.writes.length + batch.counts.length + (batch.fleet?.length ?? 0) + batch.debts.length,
      );
  }

  #changed(): void {
    if (this.#pending.isFull) this.flush();
    else if (this.#timer === null) {
      this.#timer = setTimeout(() => this.flush(), batchMs);
      this.#timer.unref();
    }
  }
}
