/**
 * Token buckets for verdicts of kind `limit`, up to a million keys in 16 MiB.
 *
 * A bucket is one number: when it will be full again. Taking a token moves that moment by what the token
 * takes to come back (`period / capacity`); a bucket whose moment has passed is full and takes no room.
 * So taking elsewhere is an addition here, in any order, and workers of a node share buckets by telling
 * each other what they added.
 *
 * ```
 * set 0 │ hash moment │ hash moment │ … 16 of them     a key lies in the set its hash names; where all
 * set 1 │ hash moment │ …                              16 are in use, the fullest bucket is forgotten
 * ```
 *
 * The table doubles when too many are forgotten, up to `slotsMax`. Errors, all in favour of who asks: a
 * forgotten bucket is full again; two keys that share 64 bits of a keyed hash share a bucket (against).
 */
import { monotonicMs } from '#core/clock.ts';
import type { Limiter } from '../host-services.ts';
import { halfSipHash } from './half-sip-hash.ts';

const slotsMin = 16_384;
export const slotsMax = 1_048_576;
const ways = 16;
/** The table grows when more than one slot in so many has lost its bucket. */
const forgottenShareMax = 4_096;

/** Under which everybody hashes who shares buckets. */
export type HashKey = readonly [number, number];

export interface TakeOutlet {
  took(low: number, high: number, debtMs: number): void;
}

export class TokenBuckets implements Limiter {
  readonly #key: HashKey;
  readonly #nowMs: () => number;
  readonly #onForgotten: () => void;
  readonly #outlet: TakeOutlet | null;
  readonly #hash = new Uint32Array(2);
  readonly #slotsMax: number;
  #slots = slotsMin;
  #low = new Uint32Array(slotsMin);
  #high = new Uint32Array(slotsMin);
  /** When the bucket is full again; one that has passed is a free slot. */
  #fullAt = new Float64Array(slotsMin);
  #forgottenSinceGrowth = 0;

  constructor(
    key: HashKey,
    options: {
      readonly outlet?: TakeOutlet | null;
      readonly onForgotten?: () => void;
      readonly nowMs?: () => number;
      readonly slotsMax?: number;
    } = {},
  ) {
    this.#key = key;
    this.#outlet = options.outlet ?? null;
    this.#onForgotten = options.onForgotten ?? (() => {});
    this.#nowMs = options.nowMs ?? monotonicMs;
    this.#slotsMax = options.slotsMax ?? slotsMax;
  }

  take(module: string, key: string, cost: number, capacity: number, periodSeconds: number): number {
    // A bucket of another size is another bucket: its moments mean something else.
    halfSipHash(`${module}\0${capacity}/${periodSeconds}\0${key}`, ...this.#key, this.#hash);
    const low = this.#hash[0] as number;
    const high = this.#hash[1] as number;
    const now = this.#nowMs();
    const periodMs = periodSeconds * 1_000;
    const debtMs = (cost / capacity) * periodMs;
    const slot = this.#find(low, high);
    const owedMs = slot < 0 ? 0 : Math.max(0, (this.#fullAt[slot] as number) - now);
    // Rounding must not refuse the last token of a full bucket.
    const overMs = owedMs + debtMs - periodMs;
    if (overMs > periodMs * 1e-9) return Math.max(1, Math.ceil(Math.min(overMs, periodMs) / 1_000));
    this.#add(slot, low, high, debtMs, now);
    this.#outlet?.took(low, high, debtMs);
    return 0;
  }

  /** What another worker has taken. */
  addDebt(low: number, high: number, debtMs: number): void {
    this.#add(this.#find(low, high), low, high, debtMs, this.#nowMs());
  }

  /** Every bucket that is not full: its hash and what it owes. */
  *debts(): IterableIterator<{ low: number; high: number; debtMs: number }> {
    const now = this.#nowMs();
    for (let slot = 0; slot < this.#slots; slot++) {
      const debtMs = (this.#fullAt[slot] as number) - now;
      if (debtMs > 0)
        yield { low: this.#low[slot] as number, high: this.#high[slot] as number, debtMs };
    }
  }

  /** Buckets that are not full; a look at every slot. */
  get inUse(): number {
    const now = this.#nowMs();
    let inUse = 0;
    for (let slot = 0; slot < this.#slots; slot++)
      if ((this.#fullAt[slot] as number) > now) inUse++;
    return inUse;
  }

  clear(): void {
    this.#fullAt.fill(0);
  }

  get slots(): number {
    return this.#slots;
  }

  #setOf(low: number): number {
    return (low & (this.#slots / ways - 1)) * ways;
  }

  /** -1 where the key has no slot. */
  #find(low: number, high: number): number {
    const from = this.#setOf(low);
    for (let slot = from; slot < from + ways; slot++)
      if (this.#low[slot] === low && this.#high[slot] === high) return slot;
    return -1;
  }

  #add(found: number, low: number, high: number, debtMs: number, now: number): void {
    const slot = found < 0 ? this.#claim(low, high, now) : found;
    this.#fullAt[slot] = Math.max(now, this.#fullAt[slot] as number) + debtMs;
  }

  /** The slot of the set whose bucket is full, or soonest will be. */
  #claim(low: number, high: number, now: number): number {
    const from = this.#setOf(low);
    let slot = from;
    for (let other = from + 1; other < from + ways; other++)
      if ((this.#fullAt[other] as number) < (this.#fullAt[slot] as number)) slot = other;
    if ((this.#fullAt[slot] as number) > now) {
      if (
        this.#slots < this.#slotsMax &&
        ++this.#forgottenSinceGrowth > this.#slots / forgottenShareMax
      ) {
        this.#grow(now);
        return this.#claim(low, high, now);
      }
      this.#onForgotten();
    }
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#fullAt[slot] = 0;
    return slot;
  }

  /** Twice the sets: what shared one is spread over two, so nothing is pushed out. */
  #grow(now: number): void {
    const [lows, highs, moments] = [this.#low, this.#high, this.#fullAt];
    this.#slots *= 2;
    this.#low = new Uint32Array(this.#slots);
    this.#high = new Uint32Array(this.#slots);
    this.#fullAt = new Float64Array(this.#slots);
    this.#forgottenSinceGrowth = 0;
    for (let slot = 0; slot < moments.length; slot++) {
      const fullAt = moments[slot] as number;
      if (fullAt <= now) continue;
      const low = lows[slot] as number;
      let to = this.#setOf(low);
      while ((this.#fullAt[to] as number) > 0) to++;
      this.#low[to] = low;
      this.#high[to] = highs[slot] as number;
      this.#fullAt[to] = fullAt;
    }
  }
}
