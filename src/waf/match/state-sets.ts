/**
 * Sets of small numbers, each kept once: which state is this set? Items are added in any order; a hash that
 * does not hang on the order and marks of the generation make the look-up linear without sorting.
 */
export class StateSets {
  /** Items of all sets, one after the other. */
  pool = new Uint16Array(4096);
  /** Numbers 0 and 1 are taken: they stand for sets that are never asked for. */
  size = 2;
  #end = 0;
  #first = new Int32Array(256);
  #length = new Int32Array(256);
  #tag = new Int32Array(256);
  #hash = new Int32Array(256);
  #slots = new Int32Array(1024).fill(-1);

  readonly #marks: Int32Array;
  readonly #itemHash: Int32Array;
  #generation = 0;
  #count = 0;
  #sum = 0;

  constructor(items: number) {
    this.#marks = new Int32Array(items);
    this.#itemHash = Int32Array.from({ length: items }, (_, item) => mixed(item + 1));
  }

  firstOf(state: number): number {
    return this.#first[state] as number;
  }

  lengthOf(state: number): number {
    return this.#length[state] as number;
  }

  /** What the state was made with beside its items. */
  tagOf(state: number): number {
    return this.#tag[state] as number;
  }

  includes(state: number, item: number): boolean {
    const first = this.firstOf(state);
    return this.pool.subarray(first, first + this.lengthOf(state)).includes(item);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** A new set, empty. */
  begin(): void {
    this.#generation++;
    this.#count = 0;
    this.#sum = 0;
  }

  add(item: number): void {
    if (this.#marks[item] === this.#generation) return;
    this.#marks[item] = this.#generation;
    if (this.#end + this.#count >= this.pool.length) this.pool = grown(this.pool);
    this.pool[this.#end + this.#count] = item;
    this.#count++;
    this.#sum = (this.#sum + (this.#itemHash[item] as number)) | 0;
  }

  /** The number of the set begun, old or new. */
  finish(tag: number): number {
    const hash = (this.#sum + mixed(tag + 7)) | 0;
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 16)) & mask;
    for (;;) {
      const state = this.#slots[slot] as number;
      if (state === -1) break;
      if (this.#hash[state] === hash && this.#tag[state] === tag && this.#isSame(state))
        return state;
      slot = (slot + 1) & mask;
    }
    return this.#make(slot, hash, tag);
  }

  #isSame(state: number): boolean {
    if (this.#length[state] !== this.#count) return false;
    const first = this.#first[state] as number;
    for (let at = first; at < first + this.#count; at++)
      if (this.#marks[this.pool[at] as number] !== this.#generation) return false;
    return true;
  }

  #make(slot: number, hash: number, tag: number): number {
    const state = this.size++;
    if (state >= this.#first.length) {
      this.#first = grown(this.#first);
      this.#length = grown(this.#length);
      this.#tag = grown(this.#tag);
      this.#hash = grown(this.#hash);
    }
    this.#first[state] = this.#end;
    this.#length[state] = this.#count;
    this.#tag[state] = tag;
    this.#hash[state] = hash;
    this.#end += this.#count;
    this.#slots[slot] = state;
    if (this.size * 2 > this.#slots.length) this.#rehash();
    return state;
  }

  #rehash(): void {
    const mask = this.#slots.length * 2 - 1;
    this.#slots = new Int32Array(mask + 1).fill(-1);
    for (let state = 2; state < this.size; state++) {
      const hash = this.#hash[state] as number;
      let slot = (hash ^ (hash >>> 16)) & mask;
      while (this.#slots[slot] !== -1) slot = (slot + 1) & mask;
      this.#slots[slot] = state;
    }
  }
}

function grown<T extends Int32Array | Uint16Array>(array: T): T {
  const larger = (array instanceof Int32Array
    ? new Int32Array(array.length * 2)
    : new Uint16Array(array.length * 2)) as unknown as T;
  larger.set(array);
  return larger;
}

/** A number's bits, well mixed (MurmurHash3's finaliser). */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
