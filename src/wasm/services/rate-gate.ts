/** How often something may happen by module: so many in each stretch of time, the rest is turned away. */
export class RateGate {
  readonly #max: number;
  readonly #periodMs: number;
  readonly #nowMs: () => number;
  #period = 0;
  readonly #counts = new Map<string, number>();

  constructor(max: number, periodMs: number, nowMs: () => number) {
    this.#max = max;
    this.#periodMs = periodMs;
    this.#nowMs = nowMs;
  }

  take(module: string): boolean {
    const period = Math.floor(this.#nowMs() / this.#periodMs);
    if (period !== this.#period) {
      this.#period = period;
      this.#counts.clear();
    }
    const count = this.#counts.get(module) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(module, count + 1);
    return true;
  }
}
