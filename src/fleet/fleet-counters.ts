/**
 * What the nodes of a fleet have counted in windows of the clock: for each key and window a grow-only counter
 * (G-counter, Shapiro et al. 2011), one number a replica, merged by the larger one. So messages may come in any
 * order, twice or not at all: what was heard is what is known, and the next one of that replica says it all again.
 *
 * ```
 * cell (module, key, window, its number since 1970)  ──►  a/17…01: 12   b/17…44: 3   b/17…90: 1   =  16
 * ```
 *
 * A replica is one process of a node: the next one counts from 0 again, and the larger number of the one before
 * must not hide that. Windows are those of the wall clock, so clocks have to agree within much less
 * than a window; what is counted for one that is over, or far ahead, is refused.
 */
export type Cell = {
  readonly module: string;
  readonly key: string;
  readonly windowMs: number;
  /** Number of the window since 1970. */
  readonly index: number;
};

/** Of whom a number is. The empty name is this node. */
export type Replica = { readonly node: string; readonly epoch: number };
export type Component = Cell & Replica & { readonly count: number };

export const cellsMax = 131_072;
export const componentsMax = 524_288;
/** Of one other node: it cannot fill the table for all. */
export const nodeComponentsMax = 32_768;
/** The largest number of one replica in a window. */
export const countMax = 0xffff_ffff;
/** How far another clock may be ahead for its next window to be taken already. */
export const aheadMsMax = 10_000;

type Row = Cell & { readonly counts: Map<string, number> };

export type MergeRefusal = 'full' | 'past' | 'future';
export type Merged =
  /** By how much all together rose. */
  | { readonly ok: true; readonly rose: number }
  | { readonly ok: false; readonly reason: MergeRefusal };

export class FleetCounters {
  readonly #cellsMax: number;
  readonly #componentsMax: number;
  readonly #nodeComponentsMax: number;
  readonly #rows = new Map<string, Row>();
  readonly #componentsOf = new Map<string, number>();
  #components = 0;

  constructor(
    limits: {
      readonly cellsMax?: number;
      readonly componentsMax?: number;
      readonly nodeComponentsMax?: number;
    } = {},
  ) {
    this.#cellsMax = limits.cellsMax ?? cellsMax;
    this.#componentsMax = limits.componentsMax ?? componentsMax;
    this.#nodeComponentsMax = limits.nodeComponentsMax ?? nodeComponentsMax;
  }

  get cells(): number {
    return this.#rows.size;
  }

  get components(): number {
    return this.#components;
  }

  /** Counts at a replica of our own; false where there is no room for it. */
  add(cell: Cell, replica: Replica, delta: number): boolean {
    const row = this.#row(cell);
    if (row === null) return false;
    const id = replicaId(replica);
    const before = row.counts.get(id) ?? 0;
    return this.#put(row, id, Math.min(countMax, before + delta));
  }

  /** Takes what a replica is said to have counted. */
  merge(component: Component, nowMs: number): Merged {
    const refusal = windowRefusal(component, nowMs);
    if (refusal !== null) return { ok: false, reason: refusal };
    if ((this.#componentsOf.get(component.node) ?? 0) >= this.#nodeComponentsMax)
      if (this.countOf(component, component) === 0) return { ok: false, reason: 'full' };
    const row = this.#row(component);
    if (row === null) return { ok: false, reason: 'full' };
    const id = replicaId(component);
    const before = row.counts.get(id) ?? 0;
    if (component.count <= before) return { ok: true, rose: 0 };
    if (!this.#put(row, id, component.count)) return { ok: false, reason: 'full' };
    return { ok: true, rose: component.count - before };
  }

  /** What one replica has counted in a cell. */
  countOf(cell: Cell, replica: Replica): number {
    return this.#rows.get(cellId(cell))?.counts.get(replicaId(replica)) ?? 0;
  }

  /** What all have counted in a cell. */
  total(cell: Cell): number {
    let sum = 0;
    for (const count of this.#rows.get(cellId(cell))?.counts.values() ?? []) sum += count;
    return sum;
  }

  *all(): Generator<Component, void> {
    for (const { module, key, windowMs, index, counts } of this.#rows.values())
      for (const [id, count] of counts)
        yield { module, key, windowMs, index, ...replicaOf(id), count };
  }

  /** Windows that count no more are forgotten. */
  expire(nowMs: number): void {
    for (const row of this.#rows.values())
      if (windowRefusal(row, nowMs) === 'past') this.#forget(row);
  }

  /** What belongs to a module that is no longer configured is gone. */
  retain(modules: ReadonlySet<string>): void {
    for (const row of this.#rows.values()) if (!modules.has(row.module)) this.#forget(row);
  }

  #row(cell: Cell): Row | null {
    const id = cellId(cell);
    const known = this.#rows.get(id);
    if (known !== undefined) return known;
    if (this.#rows.size >= this.#cellsMax || this.#components >= this.#componentsMax) return null;
    const { module, key, windowMs, index } = cell;
    const row: Row = { module, key, windowMs, index, counts: new Map() };
    this.#rows.set(id, row);
    return row;
  }

  #put(row: Row, id: string, count: number): boolean {
    if (!row.counts.has(id)) {
      if (this.#components >= this.#componentsMax) return false;
      this.#change(id, 1);
    }
    row.counts.set(id, count);
    return true;
  }

  #forget(row: Row): void {
    for (const id of row.counts.keys()) this.#change(id, -1);
    this.#rows.delete(cellId(row));
  }

  #change(id: string, by: 1 | -1): void {
    const { node } = replicaOf(id);
    const left = (this.#componentsOf.get(node) ?? 0) + by;
    if (left === 0) this.#componentsOf.delete(node);
    else this.#componentsOf.set(node, left);
    this.#components += by;
  }
}

export const cellId = ({ module, key, windowMs, index }: Cell): string =>
  `${module}\0${windowMs}\0${index}\0${key}`;

const replicaId = ({ node, epoch }: Replica): string => `${node}/${epoch}`;

function replicaOf(id: string): Replica {
  const at = id.lastIndexOf('/');
  return { node: id.slice(0, at), epoch: Number(id.slice(at + 1)) };
}

/** A window counts while it runs and while the one behind it does. */
export function windowRefusal(
  { windowMs, index }: Pick<Cell, 'windowMs' | 'index'>,
  nowMs: number,
): 'past' | 'future' | null {
  const runs = Math.floor(nowMs / windowMs);
  if (index < runs - 1) return 'past';
  const aheadMs = index * windowMs - nowMs;
  return index > runs + 1 || aheadMs > aheadMsMax ? 'future' : null;
}
