/**
 * Counts of one module over sliding windows, by key.
 *
 * Two numbers a key: of the window of the clock that runs, and of the one before. What lies in the last
 * `windowMs` is the running one and of the one before as much as still reaches in, as if it had come
 * evenly: exact for a steady rate, and never off by more than the count of the window before.
 *
 * ```
 * ├──── before: 40 ────┼── running: 9 ─┤now
 *        └────── window ───────────────┤     9 + 40 × ½
 * ```
 *
 * Windows are those of the wall clock, so workers that add each other's deltas mean the same ones.
 */
export const countKeysMax = 65_536;

/** How many of the oldest are looked at for one that no longer counts. */
const lookedAtMax = 8;

type Count = { readonly windowMs: number; index: number; running: number; before: number };

export type CountDelta = {
  readonly key: string;
  readonly windowMs: number;
  /** Number of the window since 1970. */
  readonly index: number;
  readonly delta: number;
};

export class WindowCounts {
  /** In the order their windows began, so those that no longer count stand in front. */
  readonly #counts = new Map<string, Count>();
  readonly #onEvicted: () => void;

  constructor(onEvicted: () => void) {
    this.#onEvicted = onEvicted;
  }

  get size(): number {
    return this.#counts.size;
  }

  /** The count of the window after adding; never below 0. */
  add(key: string, delta: number, windowMs: number, nowMs: number): number {
    const index = Math.floor(nowMs / windowMs);
    const count = this.#at(key, windowMs, index, nowMs);
    count.running += delta;
    const reachesIn = 1 - (nowMs - index * windowMs) / windowMs;
    // The clock may have been set back by less than a window: then the one that runs is ahead of it.
    const past = count.index === index ? count.before * reachesIn : count.before;
    return Math.max(0, Math.floor(past) + count.running);
  }

  /** Until `cost` more fits into `capacity`, as far as is known now; 0 where it does already. Adds nothing. */
  waitMs(key: string, cost: number, capacity: number, windowMs: number, nowMs: number): number {
    const runs = Math.floor(nowMs / windowMs);
    const count = this.#counts.get(`${key}\0${windowMs}`);
    // The clock may have been set back by less than a window: then the one that runs is ahead of it.
    const isBehind = count !== undefined && count.index < runs;
    const running = count === undefined || isBehind ? 0 : count.running;
    const before =
      count === undefined
        ? 0
        : !isBehind
          ? count.before
          : count.index === runs - 1
            ? count.running
            : 0;
    const passed = nowMs / windowMs - Math.max(runs, count?.index ?? runs);
    const reachesIn = Math.min(1, 1 - passed);
    const room = capacity - cost;
    // Upwards, where a count goes down: a part of one that still reaches in is one. Rounding errors are none.
    if (Math.ceil(before * reachesIn - 1e-6) + running <= room) return 0;
    if (room < 0) return windowMs;
    // The one before goes on leaving; or this one has to become it, and leave.
    const waited = running <= room ? (room - running) / before : room / running - 1;
    return Math.max(1, (reachesIn - waited) * windowMs);
  }

  /** Another worker's, in the window in which it was counted. */
  addDelta({ key, windowMs, index, delta }: CountDelta, nowMs: number): void {
    const runs = Math.floor(nowMs / windowMs);
    if (index < runs - 1) return;
    const count = this.#at(key, windowMs, Math.max(index, runs), nowMs);
    if (index === count.index) count.running += delta;
    else if (index === count.index - 1) count.before += delta;
  }

  *deltas(nowMs: number): IterableIterator<CountDelta> {
    for (const [name, { windowMs, index, running, before }] of this.#counts) {
      const key = name.slice(0, name.lastIndexOf('\0'));
      if (index < Math.floor(nowMs / windowMs) - 1) continue;
      if (before !== 0) yield { key, windowMs, index: index - 1, delta: before };
      yield { key, windowMs, index, delta: running };
    }
  }

  clear(): void {
    this.#counts.clear();
  }

  #at(key: string, windowMs: number, index: number, nowMs: number): Count {
    const name = `${key}\0${windowMs}`;
    const known = this.#counts.get(name);
    if (known !== undefined) {
      if (known.index === index || known.index === index + 1) return known;
      known.before = known.index === index - 1 ? known.running : 0;
      known.running = 0;
      known.index = index;
      this.#counts.delete(name);
      this.#counts.set(name, known);
      return known;
    }
    if (this.#counts.size >= countKeysMax) this.#evict(nowMs);
    const count: Count = { windowMs, index, running: 0, before: 0 };
    this.#counts.set(name, count);
    return count;
  }

  #evict(nowMs: number): void {
    let oldest: string | null = null;
    let looked = 0;
    for (const [name, { windowMs, index }] of this.#counts) {
      oldest ??= name;
      if (index < Math.floor(nowMs / windowMs) - 1) {
        this.#counts.delete(name);
        return;
      }
      if (++looked >= lookedAtMax) break;
    }
    if (oldest === null) return;
    this.#counts.delete(oldest);
    this.#onEvicted();
  }
}
