/**
 * How often each of many addresses did something in the last `windowMs`, in memory that does not grow.
 *
 * ```
 * set 0 │ key window running before │ … 16 of them      a key lies in the set its hash names; where all 16
 * set 1 │ …                                             count, the one with the least gives its place
 * ```
 *
 * Two errors, both in favour of the address. The window: what came in the window of the clock before counts by
 * the part of it that still reaches in, as if it had come evenly. The room: who gives its place begins at 0
 * again, and loses at most what the least of its sixteen had. So under any number of addresses that come once
 * or twice, one that comes often keeps its place; it takes sixteen that come more often to push it out.
 *
 * The hash is keyed at random: clients choose their addresses and must not choose our sets.
 */
import { randomInt } from 'node:crypto';
import type { AddressKey } from './address-key.ts';

export const slotsDefault = 131_072;
const ways = 16;

export class SlidingTable {
  readonly #windowMs: number;
  readonly #slots: number;
  readonly #seed = randomInt(2 ** 32);
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  /** Number of the window plus one; 0 is a slot that was never used. */
  readonly #index: Uint32Array;
  readonly #running: Uint32Array;
  readonly #before: Uint32Array;
  /** Who counted and had to go. */
  forgotten = 0;

  /** `slots` is a power of two. */
  constructor(windowMs: number, slots = slotsDefault) {
    this.#windowMs = windowMs;
    this.#slots = slots;
    this.#high = new Uint32Array(slots);
    this.#low = new Uint32Array(slots);
    this.#index = new Uint32Array(slots);
    this.#running = new Uint32Array(slots);
    this.#before = new Uint32Array(slots);
  }

  get bytes(): number {
    return this.#slots * 5 * 4;
  }

  /** The count of the window after adding. */
  add(key: AddressKey, delta: number, nowMs: number): number {
    const index = Math.floor(nowMs / this.#windowMs) + 1;
    const slot = this.#slotOf(key, index, nowMs);
    const stood = this.#index[slot] as number;
    if (stood !== index) {
      const isNext = stood !== 0 && stood === index - 1;
      this.#before[slot] = isNext ? (this.#running[slot] as number) : 0;
      this.#running[slot] = 0;
      this.#index[slot] = index;
    }
    this.#running[slot] = (this.#running[slot] as number) + delta;
    return this.#count(slot, index, nowMs);
  }

  /** It begins anew. */
  clear(key: AddressKey): void {
    const from = this.#setOf(key);
    for (let slot = from; slot < from + ways; slot++)
      if (this.#high[slot] === key.high && this.#low[slot] === key.low) this.#index[slot] = 0;
  }

  /** How many addresses count. */
  used(nowMs: number): number {
    const index = Math.floor(nowMs / this.#windowMs) + 1;
    let used = 0;
    for (let slot = 0; slot < this.#slots; slot++)
      if ((this.#index[slot] as number) >= index - 1 && this.#index[slot] !== 0) used++;
    return used;
  }

  #setOf({ high, low }: AddressKey): number {
    let hash = Math.imul(high ^ this.#seed, 0x85ebca6b);
    hash = Math.imul((hash ^ (hash >>> 15) ^ low) + this.#seed, 0xc2b2ae35);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0x27d4eb2f);
    return ((hash ^ (hash >>> 16)) & (this.#slots / ways - 1)) * ways;
  }

  #slotOf(key: AddressKey, index: number, nowMs: number): number {
    const from = this.#setOf(key);
    let least = from;
    let leastCount = Number.POSITIVE_INFINITY;
    for (let slot = from; slot < from + ways; slot++) {
      if (this.#index[slot] !== 0 && this.#high[slot] === key.high && this.#low[slot] === key.low)
        return slot;
      const count = this.#count(slot, index, nowMs);
      if (count < leastCount) {
        least = slot;
        leastCount = count;
      }
    }
    if (leastCount > 0) this.forgotten++;
    this.#high[least] = key.high;
    this.#low[least] = key.low;
    this.#index[least] = 0;
    return least;
  }

  #count(slot: number, index: number, nowMs: number): number {
    const stood = this.#index[slot] as number;
    if (stood === 0 || stood < index - 1) return 0;
    const [running, before] =
      stood === index - 1
        ? [0, this.#running[slot] as number]
        : [this.#running[slot] as number, this.#before[slot] as number];
    const reachesIn = 1 - (nowMs / this.#windowMs - (index - 1));
    return running + Math.floor(before * reachesIn);
  }
}
