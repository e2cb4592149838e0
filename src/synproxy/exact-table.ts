/**
 * The single addresses of one family. The table the program looks into (`address-table.ts`) is the only record of
 * what stands in it: a second one here would be a million entries more.
 *
 * A change keeps the hits of an entry that was there; `check` tells beforehand whether a change has room, so
 * that one which has not changes nothing.
 */

import { WeirError } from '#core/errors.ts';
import type { Cidr, IpFamily } from '#core/ip.ts';
import type { KernelMap } from './kernel-map.ts';
import {
  type EntryCount,
  type ListEntryCodec,
  uncounted,
  viewOf,
  writeAddress,
} from './list-entry.ts';

export type ExactChange = {
  readonly cidr: Cidr;
  /** Null takes it out. */
  readonly action: number | null;
};

export class ExactTable {
  readonly family: IpFamily;
  readonly map: KernelMap;
  readonly #codec: ListEntryCodec;
  readonly #key: Uint8Array;
  readonly #value: Uint8Array;
  #count: number | null = null;

  constructor(family: IpFamily, map: KernelMap, codec: ListEntryCodec) {
    this.family = family;
    this.map = map;
    this.#codec = codec;
    // Not on the moving heap: their addresses are given to the kernel.
    this.#key = new Uint8Array(new ArrayBuffer(128), 0, map.keyBytes);
    this.#value = new Uint8Array(new ArrayBuffer(128), 0, map.valueBytes);
  }

  get count(): number {
    this.#count ??= this.#countAll();
    return this.#count;
  }

  /** By who has just gone through all of it. */
  set count(count: number) {
    this.#count = count;
  }

  /** Throws KERNEL_MAP_FULL when there is no room for the new ones among these. */
  check(changes: readonly ExactChange[]): void {
    const added = changes.filter(({ action }) => action !== null).length;
    if (this.count + added <= this.map.entriesMax) return;
    let balance = 0;
    for (const { cidr, action } of changes) {
      const isThere = this.#find(cidr);
      if (isThere !== (action !== null)) balance += action === null ? -1 : 1;
    }
    if (this.count + balance > this.map.entriesMax) throw full(this.family, this.map, this.count);
  }

  /** Takes out first: what `check` found room for then has it at every moment. */
  apply(changes: readonly ExactChange[]): number {
    let removed = 0;
    for (const { cidr, action } of changes) {
      if (action !== null) continue;
      this.#writeKey(cidr);
      if (!this.map.delete(this.#key)) continue;
      this.count--;
      removed++;
    }
    for (const { cidr, action } of changes) {
      if (action === null) continue;
      const isThere = this.#find(cidr);
      const count = isThere ? this.#codec.readCount(viewOf(this.#value)) : uncounted;
      this.#codec.write(viewOf(this.#value), 0, action, count);
      this.map.update(this.#key, this.#value);
      if (!isThere) this.count++;
    }
    return removed;
  }

  /** In one call, of addresses that are known not to be there. */
  add(changes: readonly { readonly cidr: Cidr; readonly action: number }[]): void {
    if (changes.length === 0) return;
    if (this.count + changes.length > this.map.entriesMax)
      throw full(this.family, this.map, this.count);
    const { keyBytes, valueBytes } = this.map;
    const keys = new Uint8Array(new ArrayBuffer(Math.max(128, changes.length * keyBytes)));
    const values = new Uint8Array(new ArrayBuffer(Math.max(128, changes.length * valueBytes)));
    const keyView = viewOf(keys);
    const valueView = viewOf(values);
    changes.forEach(({ cidr, action }, index) => {
      writeAddress(keyView, index * keyBytes, this.family, cidr.words);
      this.#codec.write(valueView, index * valueBytes, action, uncounted);
    });
    try {
      this.map.updateBatch(keys, values, changes.length);
    } catch (error) {
      // How many of them are in is not known here.
      this.#count = null;
      throw error;
    }
    this.count += changes.length;
  }

  /** In one call, of addresses that are known to be there. */
  remove(keys: Uint8Array, count: number): void {
    if (count === 0) return;
    try {
      this.map.deleteBatch(keys, count);
    } catch (error) {
      this.#count = null;
      throw error;
    }
    this.count -= count;
  }

  /** Null where the address is not there. */
  hitsOf(cidr: Cidr): EntryCount | null {
    return this.#find(cidr) ? this.#codec.readCount(viewOf(this.#value)) : null;
  }

  #find(cidr: Cidr): boolean {
    this.#writeKey(cidr);
    return this.map.lookup(this.#key, this.#value);
  }

  #writeKey(cidr: Cidr): void {
    writeAddress(viewOf(this.#key), 0, this.family, cidr.words);
  }

  #countAll(): number {
    let count = 0;
    for (const _entry of this.map.entries()) count++;
    return count;
  }
}

export function full(family: IpFamily, map: KernelMap, count: number): WeirError {
  const what = map.name.startsWith('exact')
    ? `single IPv${family} addresses`
    : `IPv${family} ranges${map.name.startsWith('allow') ? ' that are always let in' : ''}`;
  return new WeirError(
    'KERNEL_MAP_FULL',
    `the kernel's list of ${what} holds ${count} of ${map.entriesMax} entries and has no room for these; remove some, or name a wider range in their place`,
  );
}
