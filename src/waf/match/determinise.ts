/**
 * Position automaton → deterministic search automaton: "does the pattern match anywhere", yes or no.
 *
 * What begins anew behind every byte would be in every state, and in rules that look for hundreds of words it
 * is nearly all of it. It is left out of the states and kept once (`Restart`): a state is just the items
 * that earlier bytes have brought, mostly none to ten of them. Two classes of bytes that activate the same
 * lists are one step. Both together are what makes this fast.
 */
import type { AutomatonTables } from './automaton-tables.ts';
import { determinisedStatesMax, determiniseWorkMax } from './limits.ts';
import { endItem, matchList } from './position-automaton.ts';
import { StateSets } from './state-sets.ts';

/** In `matchState` all is said; from `deadState` nothing can come. */
export const matchState = 0;
export const deadState = 1;

export type Dfa = {
  readonly states: number;
  readonly classes: number;
  /** 256 entries. */
  readonly classOf: Uint8Array;
  /** `states × classes`. */
  readonly table: Int32Array;
  /** 1: a subject that ends here matches. */
  readonly matchesAtEnd: Uint8Array;
  readonly start: number;
};

export type DeterminiseBounds = {
  readonly statesMax: number;
  readonly workMax: number;
};

export const defaultBounds: DeterminiseBounds = {
  statesMax: determinisedStatesMax,
  workMax: determiniseWorkMax,
};

/** Null where a bound is met. */
export function determinise(
  tables: AutomatonTables,
  bounds: DeterminiseBounds = defaultBounds,
): Dfa | null {
  return new Determiniser(tables, bounds).run();
}

class Determiniser {
  readonly #tables: AutomatonTables;
  readonly #bounds: DeterminiseBounds;
  readonly #sets: StateSets;
  #table: Int32Array;
  #work = 0;

  /** Lists that the items of the state at hand activate, by class: `#counts[c]` from `c × #stride`. */
  #active = new Uint16Array(0);
  #stride = 0;
  readonly #counts: Int32Array;
  readonly #signatures: Int32Array;
  /** A hash table of the classes of the state at hand: whose step is known already. */
  readonly #twins = new Int32Array(512);
  readonly #twinState = new Int32Array(512).fill(-1);

  constructor(tables: AutomatonTables, bounds: DeterminiseBounds) {
    this.#tables = tables;
    this.#bounds = bounds;
    this.#sets = new StateSets(tables.items);
    this.#table = new Int32Array(64 * tables.classes);
    this.#counts = new Int32Array(tables.classes);
    this.#signatures = new Int32Array(tables.classes);
  }

  run(): Dfa | null {
    const { classes, lists, startList, restarts } = this.#tables;
    const sets = this.#sets;
    const table = this.#table;
    table.fill(matchState, 0, classes).fill(deadState, classes, 2 * classes);
    // The start is a restart of its own, which brings nothing: its items are all in its state.
    const start = startList === matchList ? matchState : this.#stateOf(lists[startList] ?? [], -1);
    for (let state = 2; state < sets.size; state++) {
      if (sets.size > this.#bounds.statesMax || this.#work > this.#bounds.workMax) return null;
      this.#step(state);
    }
    const states = sets.size;
    const matchesAtEnd = Uint8Array.from({ length: states }, (_, state) => {
      if (state <= deadState) return state === matchState ? 1 : 0;
      const restart = restarts[sets.tagOf(state)];
      return restart?.matchesAtEnd === true || sets.includes(state, endItem) ? 1 : 0;
    });
    return {
      states,
      classes,
      classOf: this.#tables.classOf,
      table: this.#table.subarray(0, states * classes),
      matchesAtEnd,
      start,
    };
  }

  #stateOf(items: ArrayLike<number>, restart: number): number {
    const sets = this.#sets;
    sets.begin();
    for (let i = 0; i < items.length; i++) sets.add(items[i] as number);
    return this.#finish(restart);
  }

  #finish(restart: number): number {
    if (this.#tables.isAnchored && this.#sets.isEmpty) return deadState;
    return this.#sets.finish(restart);
  }

  /** Fills the row of a state. */
  #step(state: number): void {
    const { classes } = this.#tables;
    const row = state * classes;
    if (row + classes > this.#table.length) {
      const grown = new Int32Array(this.#table.length * 2);
      grown.set(this.#table);
      this.#table = grown;
    }
    this.#activate(state);
    const restart = this.#sets.tagOf(state);
    for (let byteClass = 0; byteClass < classes; byteClass++)
      this.#table[row + byteClass] = this.#target(state, restart, byteClass);
  }

  /** Which lists do the items of a state activate, by class? */
  #activate(state: number): void {
    const { classes, itemClasses, itemClassesAt, itemList } = this.#tables;
    const { pool } = this.#sets;
    const first = this.#sets.firstOf(state);
    const length = this.#sets.lengthOf(state);
    this.#stride = length;
    if (this.#active.length < length * classes)
      this.#active = new Uint16Array(2 * length * classes);
    this.#counts.fill(0);
    this.#signatures.fill(0);
    const active = this.#active;
    for (let at = first; at < first + length; at++) {
      const item = pool[at] as number;
      const list = itemList[item] as number;
      const end = itemClassesAt[item + 1] as number;
      for (let i = itemClassesAt[item] as number; i < end; i++) {
        const byteClass = itemClasses[i] as number;
        const count = this.#counts[byteClass] as number;
        active[byteClass * length + count] = list;
        this.#counts[byteClass] = count + 1;
        this.#signatures[byteClass] =
          (Math.imul(this.#signatures[byteClass] as number, 0x9e3779b1) + list + 1) | 0;
      }
      this.#work += end - (itemClassesAt[item] as number);
    }
  }

  #target(state: number, restart: number, byteClass: number): number {
    const slotMask = 511;
    const signature = this.#signatures[byteClass] as number;
    let slot = (signature ^ (signature >>> 15)) & slotMask;
    for (; this.#twinState[slot] === state; slot = (slot + 1) & slotMask) {
      const twin = this.#twins[slot] as number;
      if (this.#isTwin(restart, twin, byteClass))
        return this.#table[state * this.#tables.classes + twin] as number;
    }
    this.#twinState[slot] = state;
    this.#twins[slot] = byteClass;
    return this.#union(restart, byteClass);
  }

  #isTwin(restart: number, twin: number, byteClass: number): boolean {
    const { restartOfClass, restarts, startMoves } = this.#tables;
    const count = this.#counts[byteClass] as number;
    if (this.#counts[twin] !== count) return false;
    if (restartOfClass[twin] !== restartOfClass[byteClass]) return false;
    const moves = restarts[restart]?.moves ?? startMoves;
    if (moves[twin] !== moves[byteClass]) return false;
    const a = twin * this.#stride;
    const b = byteClass * this.#stride;
    for (let i = 0; i < count; i++) if (this.#active[a + i] !== this.#active[b + i]) return false;
    return true;
  }

  #union(restart: number, byteClass: number): number {
    const { lists, restartOfClass, restarts, startMoves } = this.#tables;
    const moves = (restarts[restart]?.moves ?? startMoves)[byteClass] ?? null;
    if (moves === null) return matchState;
    const next = restartOfClass[byteClass] as number;
    const count = this.#counts[byteClass] as number;
    const from = byteClass * this.#stride;
    for (let i = 0; i < count; i++) if (this.#active[from + i] === matchList) return matchState;
    const held = restarts[next]?.holds;
    const sets = this.#sets;
    sets.begin();
    for (const item of moves) sets.add(item);
    for (let i = 0; i < count; i++) {
      const list = lists[this.#active[from + i] as number];
      if (list === undefined) continue;
      this.#work += list.length;
      for (const item of list) if (held?.[item] !== 1) sets.add(item);
    }
    return this.#finish(next);
  }
}
