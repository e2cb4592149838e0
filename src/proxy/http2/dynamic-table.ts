/**
 * The dynamic table of HPACK (RFC 7541 section 2.3.2 and 4): the last fields, newest first, bounded by
 * their size.
 *
 * ```
 * arena   [ newer ][newest] . . . . . [oldest][ older ] .      twice the bound, begun anew when full
 * spans   start, name end, end of each entry, in a ring
 * ```
 *
 * An entry is never overwritten while it counts: where the arena begins anew its last bytes lie above the
 * bound, and as many old bytes are evicted as new ones come.
 *
 * One arena and one array of numbers a table, made when the first entry comes: nothing is allocated for
 * an entry, so a peer that fills tables costs what is written here and no more.
 */
export const tableBytesMax = 4_096;
/** What the standard adds to the size of each entry. */
const entryOverhead = 32;
const entriesMax = tableBytesMax / entryOverhead;
const arenaBytes = tableBytesMax * 2;

export class DynamicTable {
  count = 0;
  /** Entries ever inserted. The newest one has the number `inserted - 1`. */
  inserted = 0;
  /** Found by `find`: `arena[start, nameEnd)` is the name, `arena[nameEnd, end)` the value. */
  arena: Buffer = noBytes;
  start = 0;
  nameEnd = 0;
  end = 0;
  #spans: Uint32Array = noSpans;
  #size = 0;
  #max = tableBytesMax;
  #tail = 0;

  get max(): number {
    return this.#max;
  }

  setMax(max: number): void {
    this.#max = max;
    this.#evict(0);
  }

  /** Sets the span of the entry with the number `n`, which is in the table. */
  find(n: number): void {
    const at = (n % entriesMax) * 3;
    this.start = this.#spans[at] as number;
    this.nameEnd = this.#spans[at + 1] as number;
    this.end = this.#spans[at + 2] as number;
  }

  clear(): void {
    this.count = 0;
    this.#size = 0;
    this.#tail = 0;
  }

  /** A field larger than the table empties it and is no error (section 4.4). */
  insert(
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    const length = nameEnd - nameStart + valueEnd - valueStart;
    this.#evict(length + entryOverhead);
    if (length + entryOverhead > this.#max) return false;
    if (this.arena.length === 0) {
      this.arena = Buffer.allocUnsafeSlow(arenaBytes);
      this.#spans = new Uint32Array(entriesMax * 3);
    }
    if (this.#tail + length > arenaBytes) this.#tail = 0;
    const { arena } = this;
    const start = this.#tail;
    let to = start;
    for (let i = nameStart; i < nameEnd; i++) arena[to++] = name[i] as number;
    const at = (this.inserted % entriesMax) * 3;
    this.#spans[at] = start;
    this.#spans[at + 1] = to;
    for (let i = valueStart; i < valueEnd; i++) arena[to++] = value[i] as number;
    this.#spans[at + 2] = to;
    this.#tail = to;
    this.#size += length + entryOverhead;
    this.inserted++;
    this.count++;
    return true;
  }

  /** Makes room for `size` more. */
  #evict(size: number): void {
    while (this.count > 0 && this.#size + size > this.#max) {
      this.find(this.inserted - this.count);
      this.#size -= this.end - this.start + entryOverhead;
      this.count--;
    }
    if (this.count === 0) this.#tail = 0;
  }
}

const noBytes = Buffer.alloc(0);
const noSpans = new Uint32Array(0);
