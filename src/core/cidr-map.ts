/**
 * Addresses and ranges of both families → values; the longest range that holds an address wins.
 *
 * Asked once for every connection accepted, so a lookup allocates nothing. One open-addressed hash
 * table holds every range under (family and prefix length, words); a lookup probes it once for each
 * prefix length that is in use, the longest first:
 *
 * ```
 * 10.1.2.3   /32 10.1.2.3?  /24 10.1.2.0?  /8 10.0.0.0? ──► value
 * ```
 *
 * A list that names only addresses costs one probe; the worst, every length in use, 33 or 129. The
 * hash is seeded at random: clients choose their addresses, and must not choose our collisions.
 */
import { randomBytes } from 'node:crypto';
import { assert } from './assert.ts';
import { type Cidr, cidrOf, readIp, wordMask } from './ip.ts';

const slotsAtStart = 64;
/** One tag for each prefix length of each family, and 0 for a free slot; see `tagOf`. */
const tagsMax = 163;

/** What tells one range from another; host bits are cleared. */
export type CidrKey = Pick<Cidr, 'family' | 'words' | 'prefix'>;

export class CidrMap<V> {
  readonly #entriesMax: number;
  readonly #seed = randomBytes(4).readUInt32LE();
  #slots = slotsAtStart;
  /** 0 is free; else family and prefix length, see `tagOf`. */
  #tags = new Uint8Array();
  #words = new Uint32Array();
  #values: (V | undefined)[] = [];
  #size = 0;
  readonly #countByTag = new Uint32Array(tagsMax);
  /** Prefix lengths in use, longest first. */
  #prefixes4: readonly number[] = [];
  #prefixes6: readonly number[] = [];
  readonly #asked = new Uint32Array(4);
  readonly #masked = new Uint32Array(4);

  /** With `expected` it makes room once: to grow is to move all of it at one time. */
  constructor(entriesMax: number, expected = 0) {
    assert(entriesMax >= 1 && entriesMax <= 16_777_216, 'entriesMax out of range');
    this.#entriesMax = entriesMax;
    while (this.#slots < Math.min(expected, entriesMax) * 2) this.#slots *= 2;
    this.#allot();
  }

  get size(): number {
    return this.#size;
  }

  /** False when the map is full and the range is not in it yet; nothing has changed then. */
  set(cidr: CidrKey, value: V): boolean {
    const tag = tagOf(cidr.family, cidr.prefix);
    let slot = this.#find(tag, cidr.words);
    if (this.#tags[slot] === 0) {
      if (this.#size === this.#entriesMax) return false;
      if ((this.#size + 1) * 2 > this.#slots) {
        this.#grow();
        slot = this.#find(tag, cidr.words);
      }
      this.#tags[slot] = tag;
      this.#words.set(cidr.words, slot * 4);
      this.#size++;
      this.#count(tag, 1);
    }
    this.#values[slot] = value;
    return true;
  }

  /** The value of this very range. */
  get(cidr: CidrKey): V | undefined {
    return this.#values[this.#find(tagOf(cidr.family, cidr.prefix), cidr.words)];
  }

  delete(cidr: CidrKey): boolean {
    const tag = tagOf(cidr.family, cidr.prefix);
    const slot = this.#find(tag, cidr.words);
    if (this.#tags[slot] === 0) return false;
    this.#free(slot);
    this.#size--;
    this.#count(tag, -1);
    return true;
  }

  /** `address` as a socket gives it: a mapped address is the IPv4 one, a zone is left aside. */
  lookup(address: string): V | undefined {
    const slot = this.#locate(address);
    return slot === -1 ? undefined : this.#values[slot];
  }

  /** The range that `lookup` finds, as text; null for none. */
  rangeOf(address: string): string | null {
    const slot = this.#locate(address);
    if (slot === -1) return null;
    const tag = this.#tags[slot] as number;
    const [family, prefix] = tag <= 33 ? ([4, tag - 1] as const) : ([6, tag - 34] as const);
    return cidrOf(family, this.#words.slice(slot * 4, slot * 4 + 4), prefix).text;
  }

  /** The slot of the longest range that holds the address; -1 for none. */
  #locate(address: string): number {
    if (this.#size === 0) return -1;
    const zone = address.indexOf('%');
    const family = readIp(address, zone === -1 ? address.length : zone, this.#asked);
    if (family === 0) return -1;
    const prefixes = family === 4 ? this.#prefixes4 : this.#prefixes6;
    const asked = this.#asked;
    const masked = this.#masked;
    for (const prefix of prefixes) {
      for (let index = 0; index < 4; index++)
        masked[index] = (asked[index] as number) & wordMask(prefix, index);
      const slot = this.#find(tagOf(family, prefix), masked);
      if (this.#tags[slot] !== 0) return slot;
    }
    return -1;
  }

  /** The slot that holds this range, or the free slot where it would go. Half the slots are free, so it ends. */
  #find(tag: number, words: Uint32Array): number {
    const last = this.#slots - 1;
    let slot = this.#hash(tag, words, 0) & last;
    for (;;) {
      const at = this.#tags[slot];
      if (at === 0) return slot;
      if (at === tag && this.#holds(slot, words)) return slot;
      slot = (slot + 1) & last;
    }
  }

  #holds(slot: number, words: Uint32Array): boolean {
    const at = slot * 4;
    const own = this.#words;
    return (
      own[at] === words[0] &&
      own[at + 1] === words[1] &&
      own[at + 2] === words[2] &&
      own[at + 3] === words[3]
    );
  }

  #hash(tag: number, words: Uint32Array, from: number): number {
    let hash = this.#seed ^ tag;
    for (let index = from; index < from + 4; index++) {
      hash = Math.imul(hash ^ (words[index] as number), 0x9e3779b1);
      hash = (hash ^ (hash >>> 15)) | 0;
    }
    hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca6b);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  /** Empties a slot and moves up what had been pushed past it, so that no probe ends early. */
  #free(slot: number): void {
    const last = this.#slots - 1;
    let hole = slot;
    for (let at = (hole + 1) & last; this.#tags[at] !== 0; at = (at + 1) & last) {
      const home = this.#hash(this.#tags[at] as number, this.#words, at * 4) & last;
      // Movable unless its home lies cyclically in (hole, at]: a probe from there never meets the hole.
      if (((at - home) & last) < ((at - hole) & last)) continue;
      this.#tags[hole] = this.#tags[at] as number;
      this.#words.copyWithin(hole * 4, at * 4, at * 4 + 4);
      this.#values[hole] = this.#values[at];
      hole = at;
    }
    this.#tags[hole] = 0;
    this.#values[hole] = undefined;
  }

  #grow(): void {
    const { tags, words, values, slots } = {
      tags: this.#tags,
      words: this.#words,
      values: this.#values,
      slots: this.#slots,
    };
    this.#slots = slots * 2;
    this.#allot();
    for (let from = 0; from < slots; from++) {
      const tag = tags[from] as number;
      if (tag === 0) continue;
      const range = words.subarray(from * 4, from * 4 + 4);
      const to = this.#find(tag, range);
      this.#tags[to] = tag;
      this.#words.set(range, to * 4);
      this.#values[to] = values[from];
    }
  }

  #allot(): void {
    this.#tags = new Uint8Array(this.#slots);
    this.#words = new Uint32Array(this.#slots * 4);
    this.#values = new Array<V | undefined>(this.#slots);
  }

  #count(tag: number, change: 1 | -1): void {
    const before = this.#countByTag[tag] as number;
    this.#countByTag[tag] = before + change;
    if (before !== 0 && before + change !== 0) return;
    this.#prefixes4 = this.#inUse(4, 32);
    this.#prefixes6 = this.#inUse(6, 128);
  }

  #inUse(family: 4 | 6, longest: number): number[] {
    const prefixes: number[] = [];
    for (let prefix = longest; prefix >= 0; prefix--) {
      if (this.#countByTag[tagOf(family, prefix)] !== 0) prefixes.push(prefix);
    }
    return prefixes;
  }
}

/** 1..33 for IPv4 prefixes 0..32, 34..162 for IPv6 prefixes 0..128. */
function tagOf(family: 4 | 6, prefix: number): number {
  return family === 4 ? prefix + 1 : prefix + 34;
}
