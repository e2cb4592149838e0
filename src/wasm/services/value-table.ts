/**
 * Values of one module in one scope, by key, each until its time or until room is needed.
 *
 * Bounded in entries and in bytes. Where either is used up the oldest go, those that were asked for since
 * they were last passed over get a second turn (CLOCK, over the insertion order of a Map). What has expired
 * is gone for who asks at once, and from memory by `sweep`.
 *
 * Writes carry (time, writer), the later one wins, so tables of several workers that see the same writes
 * in any order end up the same. There a deletion leaves a mark for a minute, longer than any write can be
 * under way.
 */
export const entriesMax = 10_000;
/** Keys, values and what an entry takes beside them. */
export const bytesMax = 4 * 1024 * 1024;
const entryBytes = 64;

/** How many old entries are passed over before one goes whether it was asked for or not. */
const secondTurnsMax = 16;
const markMs = 60_000;

export type Write = {
  readonly key: string;
  /** Null: deleted. */
  readonly value: Buffer | null;
  /** By the wall clock; Infinity for never. */
  readonly expiresAtMs: number;
  readonly writtenAtMs: number;
  /** Of two writes at one time, the higher writer's wins. */
  readonly writer: number;
};

type Entry = {
  value: Buffer | null;
  expiresAtMs: number;
  writtenAtMs: number;
  writer: number;
  isAsked: boolean;
};

export class ValueTable {
  readonly #entries = new Map<string, Entry>();
  readonly #onEvicted: () => void;
  #bytes = 0;
  /** Where `sweep` goes on. */
  #swept: IterableIterator<[string, Entry]> | null = null;

  constructor(onEvicted: () => void) {
    this.#onEvicted = onEvicted;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string, nowMs: number): Buffer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAtMs <= nowMs) {
      this.#remove(key, entry);
      return undefined;
    }
    entry.isAsked = true;
    return entry.value ?? undefined;
  }

  /** When the present value was written; 0 without one. A write after it has to be later than that. */
  writtenAtMs(key: string): number {
    return this.#entries.get(key)?.writtenAtMs ?? 0;
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#remove(key, entry);
    return true;
  }

  /** False where a later write is here already, or the value is larger than the table. */
  apply(write: Write, nowMs: number): boolean {
    const { key, value, writtenAtMs, writer } = write;
    const size = sizeOf(key, value);
    if (size > bytesMax) return false;
    const before = this.#entries.get(key);
    if (before !== undefined) {
      if (
        writtenAtMs < before.writtenAtMs ||
        (writtenAtMs === before.writtenAtMs && writer < before.writer)
      )
        return false;
      this.#remove(key, before);
    }
    const expiresAtMs = value === null ? nowMs + markMs : write.expiresAtMs;
    if (expiresAtMs <= nowMs) return true;
    while (this.#entries.size >= entriesMax || this.#bytes + size > bytesMax) this.#evict(nowMs);
    this.#entries.set(key, { value, expiresAtMs, writtenAtMs, writer, isAsked: false });
    this.#bytes += size;
    return true;
  }

  /** Looks at some entries and drops those that have expired; goes on where it stopped last. */
  sweep(nowMs: number, entries: number): void {
    this.#swept ??= this.#entries.entries();
    for (let i = 0; i < entries; i++) {
      const next = this.#swept.next();
      if (next.done === true) {
        this.#swept = null;
        return;
      }
      const [key, entry] = next.value;
      if (entry.expiresAtMs <= nowMs) this.#remove(key, entry);
    }
  }

  *writes(): IterableIterator<Write> {
    for (const [key, { value, expiresAtMs, writtenAtMs, writer }] of this.#entries)
      yield { key, value, expiresAtMs, writtenAtMs, writer };
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
    this.#swept = null;
  }

  #evict(nowMs: number): void {
    let turns = 0;
    for (const [key, entry] of this.#entries) {
      if (entry.isAsked && entry.expiresAtMs > nowMs && turns < secondTurnsMax) {
        turns++;
        entry.isAsked = false;
        this.#entries.delete(key);
        this.#entries.set(key, entry);
        continue;
      }
      this.#remove(key, entry);
      if (entry.expiresAtMs > nowMs && entry.value !== null) this.#onEvicted();
      return;
    }
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= sizeOf(key, entry.value);
  }
}

const sizeOf = (key: string, value: Buffer | null): number =>
  key.length + (value?.length ?? 0) + entryBytes;
