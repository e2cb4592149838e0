/**
 * The trie of ranges of one family, for one purpose (allow, or block and monitor): `PrefixList` says what
 * should stand in it, this brings it there.
 *
 * Ranges people named are bounded by the room in the trie, though those inside wider ones do not stand in it:
 * when the wider one goes they come back, and must not find it full.
 */
import type { Cidr, IpFamily } from '#core/ip.ts';
import { full } from './exact-table.ts';
import type { KernelMap } from './kernel-map.ts';
import {
  type EntryCount,
  type ListEntryCodec,
  readTrieKey,
  uncounted,
  viewOf,
  writeTrieKey,
} from './list-entry.ts';
import { type PrefixItem, PrefixList } from './prefix-list.ts';

export type PrefixChange = {
  readonly cidr: Cidr;
  /** Null takes it out. */
  readonly action: number | null;
};

export class PrefixTable {
  readonly family: IpFamily;
  readonly map: KernelMap;
  readonly #codec: ListEntryCodec;
  readonly #list: PrefixList;
  readonly #key: Uint8Array;
  readonly #value: Uint8Array;
  #installed = 0;
  #isAdopted = false;

  constructor(family: IpFamily, map: KernelMap, codec: ListEntryCodec) {
    this.family = family;
    this.map = map;
    this.#codec = codec;
    this.#list = new PrefixList(codec.action('drop'));
    this.#key = new Uint8Array(new ArrayBuffer(128), 0, map.keyBytes);
    this.#value = new Uint8Array(new ArrayBuffer(128), 0, map.valueBytes);
  }

  /** Ranges people named. */
  get count(): number {
    return this.#adopted().size;
  }

  get installed(): number {
    this.#adopted();
    return this.#installed;
  }

  ranges(): Cidr[] {
    return this.#adopted()
      .items()
      .map(({ cidr }) => cidr);
  }

  action(cidr: Cidr): number | undefined {
    return this.#adopted().get(cidr)?.action;
  }

  check(changes: readonly PrefixChange[]): void {
    const list = this.#adopted();
    if (list.size + changes.length <= this.map.entriesMax) return;
    let balance = 0;
    for (const { cidr, action } of changes) {
      if ((list.get(cidr) !== undefined) !== (action !== null)) balance += action === null ? -1 : 1;
    }
    if (list.size + balance > this.map.entriesMax) throw full(this.family, this.map, list.size);
  }

  apply(changes: readonly PrefixChange[]): number {
    const list = this.#adopted();
    let removed = 0;
    for (const { cidr, action } of changes) {
      if (action !== null) list.set(cidr, action);
      else if (list.delete(cidr)) removed++;
    }
    this.#settle();
    return removed;
  }

  /** Hits by text of the range; those of a range that others answer for stand where they were counted. */
  counts(): Map<Cidr, EntryCount> {
    const list = this.#adopted();
    const found = new Map<Cidr, EntryCount>();
    for (const { cidr, hits, lastNs } of list.items())
      if (hits > 0) found.set(cidr, { hits, lastNs });
    for (const { key, value } of this.map.entries()) {
      const counted = this.#codec.readCount(viewOf(value));
      const item = counted.hits === 0 ? undefined : list.get(readTrieKey(key, this.family));
      if (item === undefined) continue;
      found.set(item.cidr, {
        hits: item.hits + counted.hits,
        lastNs: Math.max(item.lastNs, counted.lastNs),
      });
    }
    return found;
  }

  /** Null where the range is not there, or others answer for it and it never counted. */
  hitsOf(cidr: Cidr): EntryCount | null {
    const item = this.#adopted().get(cidr);
    if (item === undefined) return null;
    if (item.installed === null) return item.hits === 0 ? null : item;
    this.#writeKey(cidr);
    if (!this.map.lookup(this.#key, this.#value)) return null;
    const { hits, lastNs } = this.#codec.readCount(viewOf(this.#value));
    return { hits: item.hits + hits, lastNs: Math.max(item.lastNs, lastNs) };
  }

  /** What was left undone by a call that failed is done as well. */
  #settle(): void {
    const { puts, deletes } = this.#list.changes();
    const fresh = puts.filter(({ installed }) => installed === null).length;
    // What is new goes in before what it makes needless goes out, so that no packet falls between.
    const isRoomy = this.#installed + fresh <= this.map.entriesMax;
    if (!isRoomy) this.#deleteAll(deletes);
    for (const item of puts) {
      if (item.installed === null) continue;
      this.#keep(item);
      this.#writeKey(item.cidr);
      this.#codec.write(viewOf(this.#value), 0, item.action, uncounted);
      this.map.update(this.#key, this.#value);
      this.#list.notePut(item);
    }
    this.#addAll(puts.filter(({ installed }) => installed === null));
    if (isRoomy) this.#deleteAll(deletes);
  }

  /** In one call; in the order of addresses, which goes down the trie where it went just before. */
  #addAll(items: readonly PrefixItem[]): void {
    if (items.length === 0) return;
    const sorted = items.toSorted((one, other) => compareAddresses(one.cidr, other.cidr));
    const { keyBytes, valueBytes } = this.map;
    const keys = new Uint8Array(new ArrayBuffer(Math.max(128, items.length * keyBytes)));
    const values = new Uint8Array(new ArrayBuffer(Math.max(128, items.length * valueBytes)));
    sorted.forEach(({ cidr, action }, index) => {
      const key = keys.subarray(index * keyBytes, (index + 1) * keyBytes);
      writeTrieKey(key, this.family, cidr);
      this.#codec.write(viewOf(values), index * valueBytes, action, uncounted);
    });
    try {
      this.map.updateBatch(keys, values, items.length);
    } catch (error) {
      for (const item of items) {
        this.#writeKey(item.cidr);
        if (this.map.lookup(this.#key, this.#value)) this.#noteAdded(item);
      }
      throw error;
    }
    for (const item of items) this.#noteAdded(item);
  }

  #noteAdded(item: PrefixItem): void {
    this.#installed++;
    this.#list.notePut(item);
  }

  #deleteAll(items: readonly PrefixItem[]): void {
    for (const item of items) {
      this.#keep(item);
      this.#writeKey(item.cidr);
      this.map.delete(this.#key);
      this.#installed--;
      this.#list.noteDeleted(item);
    }
  }

  /** Its hits so far, before its entry is written anew or goes. */
  #keep(item: PrefixItem): void {
    if (item.installed === null) return;
    this.#writeKey(item.cidr);
    if (!this.map.lookup(this.#key, this.#value)) return;
    const counted = this.#codec.readCount(viewOf(this.#value));
    item.hits += counted.hits;
    item.lastNs = Math.max(item.lastNs, counted.lastNs);
  }

  #writeKey(cidr: Cidr): void {
    writeTrieKey(this.#key, this.family, cidr);
  }

  /** What a process before this one left in the trie. */
  #adopted(): PrefixList {
    if (!this.#isAdopted) {
      this.#isAdopted = true;
      for (const { key, value } of this.map.entries()) {
        this.#list.adopt(readTrieKey(key, this.family), this.#codec.readAction(viewOf(value)));
        this.#installed++;
      }
      // A trie left half done by the process before may hold what is not needed.
      this.#settle();
    }
    return this.#list;
  }
}

function compareAddresses({ words: one }: Cidr, { words: other }: Cidr): number {
  for (let i = 0; i < one.length; i++) {
    const difference = (one[i] ?? 0) - (other[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
