/** How often something happened in the last ten seconds, in one-second buckets; forgets as time goes. */
const buckets = 10;
const bucketMs = 1_000;

export class SlidingCount {
  readonly #counts = new Float64Array(buckets);
  #at = 0;
  #sum = 0;

  add(now: number): void {
    this.#move(now);
    const slot = this.#at % buckets;
    this.#counts[slot] = (this.#counts[slot] as number) + 1;
    this.#sum++;
  }

  total(now: number): number {
    this.#move(now);
    return this.#sum;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#sum = 0;
  }

  #move(now: number): void {
    const at = Math.floor(now / bucketMs);
    if (at - this.#at >= buckets) {
      this.clear();
      this.#at = at;
      return;
    }
    while (this.#at < at) {
      this.#at++;
      const slot = this.#at % buckets;
      this.#sum -= this.#counts[slot] as number;
      this.#counts[slot] = 0;
    }
  }
}
