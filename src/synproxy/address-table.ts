/**
 * The single addresses of one family, in two arrays of the kernel that this side maps and keeps.
 *
 * ```
 * address ─► first bucket, second bucket: eight tags each ─► the slot of its tag ─► entry
 * ```
 *
 * The kernel's own hash costs the packet program three calls, this costs none (bpf/addresses.h, which looks up what is
 * written here). The program may look at any moment, so what it could see half done is done in an order: an entry is
 * whole before its tag is there, a tag goes before its entry is cleared, and who has to make room moves from its
 * first bucket to its second, there before it is gone here, as the program looks into the first one first. No
 * bucket has a tag twice. A bucket of eight is planned for six, so that room is found without moving on; where
 * it is not (0 of 2 million random addresses), the table says that it is full.
 *
 * Left out: the IPv4 address 0.0.0.0, whose tag would be a free slot. It stands among the ranges (`list-tables.ts`).
 */
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import type { KernelMap } from './kernel-map.ts';

export const bucketSlots = 8;
const bucketEntries = 6;
/** Few addresses are spread less evenly than many. */
const bucketsMin = 16;
const free = 0;

export type TableMemory = {
  /** One for each slot. */
  readonly tags: Int32Array;
  /** Entries by the number of the slot. */
  readonly slots: Uint8Array;
  readonly slotBytes: number;
  /** Of the address in a slot; null where the tag is the address. */
  readonly addressAt: number | null;
  /** Two halves, one for each bucket. */
  readonly seed: Uint32Array;
};

export type TableTerms = {
  readonly name: string;
  readonly keyBytes: 4 | 16;
  readonly valueBytes: number;
  readonly entriesMax: number;
  readonly fd: number;
};

export function bucketsFor(entries: number): number {
  return Math.ceil(entries / bucketEntries) + bucketsMin;
}

export class AddressTable implements KernelMap {
  readonly name: string;
  readonly keyBytes: 4 | 16;
  readonly valueBytes: number;
  readonly entriesMax: number;
  readonly valuesPerEntry = 1;
  readonly fd: number;
  readonly #open: () => TableMemory;
  readonly #words: Uint32Array;
  #memory: TableMemory | null = null;
  #count: number | null = null;

  /** `open` is called at the first use. */
  constructor(terms: TableTerms, open: () => TableMemory) {
    this.name = terms.name;
    this.keyBytes = terms.keyBytes;
    this.valueBytes = terms.valueBytes;
    this.entriesMax = terms.entriesMax;
    this.fd = terms.fd;
    this.#open = open;
    this.#words = new Uint32Array(terms.keyBytes / 4);
  }

  lookup(key: Uint8Array, value: Uint8Array): boolean {
    const slot = this.#find(this.#read(key));
    if (slot < 0) return false;
    value.set(this.#entry(slot));
    return true;
  }

  update(key: Uint8Array, value: Uint8Array): void {
    assert(value.length === this.valueBytes, `map ${this.name}: value of ${value.length} bytes`);
    this.#put(this.#read(key), value);
  }

  delete(key: Uint8Array): boolean {
    const { tags } = this.#memoryOf();
    const slot = this.#find(this.#read(key));
    if (slot < 0) return false;
    Atomics.store(tags, slot, free);
    this.#entry(slot).fill(0);
    if (this.#count !== null) this.#count--;
    return true;
  }

  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void {
    const { keyBytes, valueBytes } = this;
    assert(keys.length >= count * keyBytes, `map ${this.name}: ${count} keys are not there`);
    assert(values.length >= count * valueBytes, `map ${this.name}: ${count} values are not there`);
    for (let i = 0; i < count; i++) {
      const value = values.subarray(i * valueBytes, (i + 1) * valueBytes);
      this.#put(this.#read(keys, i * keyBytes), value);
    }
  }

  deleteBatch(keys: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++)
      this.delete(keys.subarray(i * this.keyBytes, (i + 1) * this.keyBytes));
  }

  *entries(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    const { tags } = this.#memoryOf();
    const key = new Uint8Array(this.keyBytes);
    const value = new Uint8Array(this.valueBytes);
    const words = new Uint32Array(key.buffer);
    for (let slot = 0; slot < tags.length; slot++) {
      if (Atomics.load(tags, slot) === free) continue;
      this.#addressIn(slot, words);
      value.set(this.#entry(slot));
      yield { key, value };
    }
  }

  #put(address: Uint32Array, value: Uint8Array): void {
    const { tags } = this.#memoryOf();
    const there = this.#find(address);
    if (there >= 0) {
      this.#entry(there).set(value);
      return;
    }
    const tag = this.#tag(address);
    assert(tag !== free, `map ${this.name} cannot hold 0.0.0.0`);
    this.#count ??= this.#countAll();
    const slot = this.#count < this.entriesMax ? this.#room(address, tag) : -1;
    if (slot < 0)
      throw new WeirError(
        'KERNEL_MAP_FULL',
        `map ${this.name} is full: ${this.entriesMax} entries (${this.#count} are there)`,
      );
    this.#writeAddress(slot, address);
    this.#entry(slot).set(value);
    Atomics.store(tags, slot, tag);
    this.#count++;
  }

  /** A free slot in one of the two buckets, which somebody may have to leave for it; -1 where there is none. */
  #room(address: Uint32Array, tag: number): number {
    const first = this.#bucket(address, 0);
    const second = this.#bucket(address, 1);
    let slot = this.#freeSlot(first, tag);
    if (slot < 0) slot = this.#freeSlot(second, tag);
    if (slot < 0) slot = this.#makeRoom(first, tag);
    return slot < 0 ? this.#makeRoom(second, tag) : slot;
  }

  /** -1 where the bucket is full, or has the tag already. */
  #freeSlot(bucket: number, tag: number): number {
    const { tags } = this.#memoryOf();
    const from = bucket * bucketSlots;
    let found = -1;
    for (let slot = from; slot < from + bucketSlots; slot++) {
      if (tags[slot] === tag) return -1;
      if (tags[slot] === free && found < 0) found = slot;
    }
    return found;
  }

  /** Moves one whose first bucket this is into its second. */
  #makeRoom(bucket: number, tag: number): number {
    const { tags, slots, slotBytes } = this.#memoryOf();
    const from = bucket * bucketSlots;
    const moved = new Uint32Array(this.#words.length);
    for (let slot = from; slot < from + bucketSlots; slot++) if (tags[slot] === tag) return -1;
    for (let slot = from; slot < from + bucketSlots; slot++) {
      this.#addressIn(slot, moved);
      if (this.#bucket(moved, 0) !== bucket || this.#bucket(moved, 1) === bucket) continue;
      const own = this.#tag(moved);
      const to = this.#freeSlot(this.#bucket(moved, 1), own);
      if (to < 0) continue;
      slots.copyWithin(to * slotBytes, slot * slotBytes, (slot + 1) * slotBytes);
      Atomics.store(tags, to, own);
      Atomics.store(tags, slot, free);
      return slot;
    }
    return -1;
  }

  #find(address: Uint32Array): number {
    const tag = this.#tag(address);
    if (tag === free) return -1;
    const slot = this.#findIn(this.#bucket(address, 0), tag, address);
    return slot >= 0 ? slot : this.#findIn(this.#bucket(address, 1), tag, address);
  }

  #findIn(bucket: number, tag: number, address: Uint32Array): number {
    const { tags, slots, slotBytes, addressAt } = this.#memoryOf();
    const from = bucket * bucketSlots;
    for (let slot = from; slot < from + bucketSlots; slot++) {
      if (tags[slot] !== tag) continue;
      if (addressAt === null) return slot;
      const at = slots.byteOffset + slot * slotBytes + addressAt;
      const own = new Uint32Array(slots.buffer, at, address.length);
      return own.every((word, index) => word === address[index]) ? slot : -1;
    }
    return -1;
  }

  #entry(slot: number): Uint8Array {
    const { slots, slotBytes } = this.#memoryOf();
    return slots.subarray(slot * slotBytes, slot * slotBytes + this.valueBytes);
  }

  #addressIn(slot: number, words: Uint32Array): void {
    const { tags, slots, slotBytes, addressAt } = this.#memoryOf();
    if (addressAt === null) words[0] = tags[slot] as number;
    else
      words.set(
        new Uint32Array(
          slots.buffer,
          slots.byteOffset + slot * slotBytes + addressAt,
          words.length,
        ),
      );
  }

  #writeAddress(slot: number, address: Uint32Array): void {
    const { slots, slotBytes, addressAt } = this.#memoryOf();
    if (addressAt === null) return;
    const at = slots.byteOffset + slot * slotBytes + addressAt;
    new Uint32Array(slots.buffer, at, address.length).set(address);
  }

  /** As `bucket_of` of bpf/addresses.h; the product is exact below 2^53. */
  #bucket(address: Uint32Array, which: 0 | 1): number {
    const buckets = this.#memoryOf().tags.length / bucketSlots;
    return Math.floor((this.#hash(address, which) * buckets) / 2 ** 32);
  }

  #tag(address: Uint32Array): number {
    return this.keyBytes === 4 ? (address[0] as number) | 0 : this.#hash(address, 0) | 1;
  }

  #hash(address: Uint32Array, which: 0 | 1): number {
    const { seed } = this.#memoryOf();
    const half = (which * seed.length) / 2;
    let sum = 0;
    for (let i = 0; i < address.length; i++) {
      const word = address[i] as number;
      sum += Math.imul(word & 0xffff, seed[half + 2 * i] as number);
      sum = (sum + Math.imul(word >>> 16, seed[half + 2 * i + 1] as number)) | 0;
    }
    return Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d) >>> 0;
  }

  #read(keys: Uint8Array, at = 0): Uint32Array {
    const view = new DataView(keys.buffer, keys.byteOffset + at, this.keyBytes);
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = view.getUint32(i * 4, true);
    return this.#words;
  }

  #countAll(): number {
    let count = 0;
    for (const tag of this.#memoryOf().tags) if (tag !== free) count++;
    return count;
  }

  #memoryOf(): TableMemory {
    this.#memory ??= this.#open();
    return this.#memory;
  }
}
