/**
 * A map of bounded size that forgets what was not asked for lately.
 *
 * Two halves: what is put or asked for goes to the newer one; when that is full the older one is dropped whole.
 * At least the last `entriesMax / 2` entries in use are there, and no operation costs more than a `Map`'s: to
 * take the oldest entry out of a large `Map`, one at a time, costs microseconds each, and an attacker makes
 * millions of them.
 */
export class RecentMap<K, V> {
  readonly #halfMax: number;
  #newer = new Map<K, V>();
  #older = new Map<K, V>();
  #forgotten = 0;

  constructor(entriesMax: number) {
    this.#halfMax = Math.max(1, Math.floor(entriesMax / 2));
  }

  get size(): number {
    return this.#newer.size + this.#older.size;
  }

  /** Entries dropped for want of room. */
  get forgotten(): number {
    return this.#forgotten;
  }

  get(key: K): V | undefined {
    const newer = this.#newer.get(key);
    if (newer !== undefined) return newer;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    this.#older.delete(key);
    this.#newer.set(key, value);
    if (this.#newer.size < this.#halfMax) return;
    this.#forgotten += this.#older.size;
    this.#older = this.#newer;
    this.#newer = new Map();
  }

  /** In no order. */
  *entries(): IterableIterator<[K, V]> {
    yield* this.#older.entries();
    yield* this.#newer.entries();
  }

  delete(key: K): boolean {
    return this.#newer.delete(key) || this.#older.delete(key);
  }
}
