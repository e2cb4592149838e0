/**
 * Latencies in buckets that grow with the value: 32 to each doubling, so a percentile is right to 3 %, at
 * any count and in fixed memory.
 */
const perDoubling = 32;
/** 1 µs to 2^30 µs, about 18 minutes. */
const doublings = 30;

export class LatencyHistogram {
  readonly #buckets = new Float64Array(perDoubling * doublings);
  #count = 0;
  #maxUs = 0;

  add(milliseconds: number): void {
    const us = Math.max(1, milliseconds * 1_000);
    const index = Math.floor(Math.log2(us) * perDoubling);
    const last = this.#buckets.length - 1;
    const at = Math.min(last, index);
    this.#buckets[at] = (this.#buckets[at] as number) + 1;
    this.#count++;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  /** Upper end of the bucket that holds this share (0 to 1) of all values. */
  percentileMs(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (let i = 0; i < this.#buckets.length; i++) {
      left -= this.#buckets[i] as number;
      if (left <= 0) return Math.min(this.#maxUs, 2 ** ((i + 1) / perDoubling)) / 1_000;
    }
    return 0;
  }

  get maxMs(): number {
    return this.#maxUs / 1_000;
  }
}

export function latencyFigures(histogram: LatencyHistogram): Record<string, number> {
  const rounded = (value: number): number => Math.round(value * 100) / 100;
  return {
    p50Ms: rounded(histogram.percentileMs(0.5)),
    p90Ms: rounded(histogram.percentileMs(0.9)),
    p99Ms: rounded(histogram.percentileMs(0.99)),
    p999Ms: rounded(histogram.percentileMs(0.999)),
    maxMs: rounded(histogram.maxMs),
  };
}
