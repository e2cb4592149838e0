/**
 * What is usual for a route, learned from its own requests, and when it gets many times that.
 *
 * ```
 * learnSeconds in sixty slots:  │ 12 │ 15 │ 11 │ … │ 14 │ 9 …     mean of the slots = usual
 *                                                    └ running: beyond factor × usual ─► act
 * ```
 *
 * Nothing is done before all sixty slots were learned, nor under `requestsMin` in a slot. While it acts it does
 * not learn: an attack that lasts must not become what is usual. So a slot during which it acted is given what is
 * usual. A rise that stays is acted on again and again until the operator raises the factor, or it is a real one
 * and its clients pass the challenge.
 */
export type BaselineTerms = {
  readonly factor: number;
  readonly learnSeconds: number;
  readonly challengeSeconds: number;
  readonly requestsMin: number;
};

/** What is kept over a restart. */
export type BaselineState = {
  readonly slotMs: number;
  readonly counts: readonly number[];
  readonly untilMs: number;
};

export const slotsLearned = 60;

export class RouteBaseline {
  readonly #terms: BaselineTerms;
  readonly #slotMs: number;
  /** Of the last slots, the oldest first; as many as were learned. */
  readonly #counts: number[] = [];
  #slot: number | null = null;
  #running = 0;
  #untilMs = 0;

  constructor(terms: BaselineTerms, kept: BaselineState | null = null) {
    this.#terms = terms;
    this.#slotMs = (terms.learnSeconds * 1_000) / slotsLearned;
    if (kept === null || kept.slotMs !== this.#slotMs) return;
    this.#counts.push(...kept.counts.slice(-slotsLearned));
    this.#untilMs = kept.untilMs;
  }

  /** Requests in a slot, as usual; null while it learns. */
  get usual(): number | null {
    if (this.#counts.length < slotsLearned) return null;
    return this.#counts.reduce((sum, count) => sum + count, 0) / slotsLearned;
  }

  get slotsKnown(): number {
    return this.#counts.length;
  }

  /** Until when requests are challenged; in the past where they are not. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** True where acting begins with these requests. */
  note(requests: number, nowMs: number): boolean {
    this.#moveTo(Math.floor(nowMs / this.#slotMs), nowMs);
    this.#running += requests;
    const { usual } = this;
    const { factor, requestsMin, challengeSeconds } = this.#terms;
    if (usual === null || factor === 0 || nowMs < this.#untilMs) return false;
    if (this.#running < requestsMin || this.#running <= usual * factor) return false;
    this.#untilMs = nowMs + challengeSeconds * 1_000;
    return true;
  }

  state(): BaselineState {
    return { slotMs: this.#slotMs, counts: [...this.#counts], untilMs: this.#untilMs };
  }

  #moveTo(slot: number, nowMs: number): void {
    if (this.#slot === null) this.#slot = slot;
    // A clock that was set back stays in its slot.
    if (slot <= this.#slot) return;
    const passed = Math.min(slot - this.#slot, slotsLearned);
    const actedSince = this.#slot * this.#slotMs < this.#untilMs;
    this.#push(actedSince ? Math.min(this.#running, this.usual ?? 0) : this.#running);
    // Slots in which nothing came at all.
    for (let i = 1; i < passed; i++)
      this.#push(nowMs - (passed - i) * this.#slotMs < this.#untilMs ? (this.usual ?? 0) : 0);
    this.#slot = slot;
    this.#running = 0;
  }

  #push(count: number): void {
    this.#counts.push(count);
    if (this.#counts.length > slotsLearned) this.#counts.shift();
  }
}
