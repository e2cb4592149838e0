/**
 * Where a place in the metered module was in the bytes as they came, so that a trace of the engine leads
 * to the source map and the source. Kept only where asked for: it takes 8 bytes for each piece copied.
 */
export class OffsetMap {
  /** Pairs of a place in the metered module and one in the original, both ascending. */
  #pairs: Int32Array = new Int32Array(256);
  #count = 0;
  #end = Number.POSITIVE_INFINITY;

  /** From `metered` on the bytes are those from `original` on. Calls come in ascending order. */
  add(metered: number, original: number): void {
    if (this.#count * 2 === this.#pairs.length) {
      const larger = new Int32Array(this.#pairs.length * 2);
      larger.set(this.#pairs);
      this.#pairs = larger;
    }
    this.#pairs[this.#count * 2] = metered;
    this.#pairs[this.#count * 2 + 1] = original;
    this.#count++;
  }

  /** What follows is none of the original. */
  end(metered: number): void {
    this.#end = metered;
  }

  /** Inside of what the meter has put in: the place it stands before. Null outside of its functions. */
  original(metered: number): number | null {
    if (metered >= this.#end) return null;
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#pairs[middle * 2] ?? 0) <= metered) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const at = (low - 1) * 2;
    const place = (this.#pairs[at + 1] ?? 0) + metered - (this.#pairs[at] ?? 0);
    return low === this.#count ? place : Math.min(place, this.#pairs[at + 3] ?? place);
  }
}
