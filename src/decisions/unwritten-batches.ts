/**
 * Batches that are in force and not on disk yet: a commit waits for the disk, keeping an attacker out does not.
 *
 * Nothing of them is acknowledged before they are written. They are bounded: with a disk that takes nothing, what finds
 * no room here is refused, and asked for again.
 */
import { idOf } from './batch-pieces.ts';
import type { Places } from './budget.ts';
import type { BatchKey, BatchRow } from './decision-database.ts';

const unwrittenBytesMax = 64 * 1_048_576;

export class UnwrittenBatches {
  readonly #rows = new Map<string, BatchRow>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax = unwrittenBytesMax) {
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#rows.size;
  }

  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax;
  }

  put(row: BatchRow): void {
    this.#rows.set(idOf(row), row);
    this.#bytes += row.bytes.length;
  }

  find(key: BatchKey): Uint8Array | null {
    return this.#rows.get(idOf(key))?.bytes ?? null;
  }

  /** Places of an issuer that begin between these two. */
  places(issuer: string, from: number, to: number): Places[] {
    return this.all()
      .filter((row) => row.issuer === issuer && row.sequence >= from && row.sequence <= to)
      .map(({ sequence, lastSequence }) => ({ first: sequence, last: lastSequence }));
  }

  all(): BatchRow[] {
    return [...this.#rows.values()];
  }

  /** They are on disk. */
  clear(): void {
    this.#rows.clear();
    this.#bytes = 0;
  }
}
