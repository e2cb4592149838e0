/**
 * What a brotli stream may copy from: the end of what was decoded, kept between two pieces.
 *
 * A window may be 16 MB. Kept are 4 MB of it, what encoders use unless told otherwise, and only as much as was decoded; and
 * all the bodies that are being decoded at a time share a bound. A stream that needs more is refused.
 */
export type BytesBudget = { usedBytes: number; readonly bytesMax: number };

/** Of one stream. */
export const historyBytesMax = 4_194_304;
const firstRingBytes = 65_536;

/** Of all streams of this process. */
const ofProcess: BytesBudget = { usedBytes: 0, bytesMax: 67_108_864 };

export class BrotliHistory {
  readonly #budget: BytesBudget;
  #ring = new Uint8Array(0);
  /** How many bytes came in all. */
  #total = 0;

  constructor(budget: BytesBudget = ofProcess) {
    this.#budget = budget;
  }

  get total(): number {
    return this.#total;
  }

  /** How far back it reaches. */
  get size(): number {
    return Math.min(this.#total, this.#ring.length);
  }

  /** The byte so far before the end, from 1 on. */
  back(distance: number): number {
    return this.#ring[(this.#total - distance) % this.#ring.length] as number;
  }

  /** Keeps the last of all that came, at most so many; false where there is no room for them. */
  append(bytes: Uint8Array, keptMax: number): boolean {
    const needed = Math.min(this.#total + bytes.length, keptMax, historyBytesMax);
    if (needed > this.#ring.length && !this.#grow(needed)) return false;
    const size = this.#ring.length;
    const kept = bytes.subarray(Math.max(0, bytes.length - size));
    this.#total += bytes.length;
    const at = (this.#total - kept.length) % (size || 1);
    const first = kept.subarray(0, size - at);
    this.#ring.set(first, at);
    this.#ring.set(kept.subarray(first.length), 0);
    return true;
  }

  /** To be called when no more comes. */
  close(): void {
    this.#budget.usedBytes -= this.#ring.length;
    this.#ring = new Uint8Array(0);
  }

  #grow(needed: number): boolean {
    let size = Math.max(firstRingBytes, this.#ring.length);
    while (size < needed) size *= 2;
    const more = size - this.#ring.length;
    if (this.#budget.usedBytes + more > this.#budget.bytesMax) return false;
    this.#budget.usedBytes += more;
    const ring = new Uint8Array(size);
    const old = this.size;
    for (let distance = old; distance > 0; distance--)
      ring[(this.#total - distance) % size] = this.back(distance);
    this.#ring = ring;
    return true;
  }
}
