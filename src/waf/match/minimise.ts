/**
 * The smallest automaton that answers alike: Hopcroft's algorithm ("An n log n algorithm for minimizing
 * states in a finite automaton", 1971) over arrays, then classes of bytes that no state tells apart any more
 * become one.
 */
import { type Dfa, deadState, matchState } from './determinise.ts';

export function minimise(dfa: Dfa): Dfa {
  const blocks = new Partition(dfa).refine();
  return withoutTwins(dfa, blocks);
}

/** States in blocks; a block is a stretch of `#order`, its marked states first. */
class Partition {
  readonly #dfa: Dfa;
  readonly #order: Int32Array;
  readonly #place: Int32Array;
  readonly #blockOf: Int32Array;
  readonly #first: Int32Array;
  readonly #end: Int32Array;
  readonly #marked: Int32Array;
  #blocks = 1;
  /** Blocks to split by; each stands in it once at most. */
  readonly #queue: number[] = [];
  readonly #isQueued: Uint8Array;

  constructor(dfa: Dfa) {
    const { states } = dfa;
    this.#dfa = dfa;
    this.#order = Int32Array.from({ length: states }, (_, state) => state);
    this.#place = this.#order.slice();
    this.#blockOf = new Int32Array(states);
    this.#first = new Int32Array(states + 1);
    this.#end = new Int32Array(states + 1);
    this.#marked = new Int32Array(states + 1);
    this.#isQueued = new Uint8Array(states + 1);
    this.#end[0] = states;
  }

  refine(): Int32Array {
    const { states, matchesAtEnd } = this.#dfa;
    this.#mark(matchState);
    this.#split([0]);
    const touched = new Set<number>();
    for (let state = 0; state < states; state++)
      if (matchesAtEnd[state] === 1 && this.#mark(state))
        touched.add(this.#blockOf[state] as number);
    this.#split([...touched]);
    for (let block = 0; block < this.#blocks; block++) this.#enqueue(block);
    const { from, at } = this.#inverse();
    for (let block = this.#queue.pop(); block !== undefined; block = this.#queue.pop())
      this.#splitBy(block, from, at);
    return this.#blockOf;
  }

  /** Every class in turn; the members of the block are copied, as splitting moves them. */
  #splitBy(block: number, from: Int32Array, at: Int32Array): void {
    this.#isQueued[block] = 0;
    const members = this.#order.slice(this.#first[block], this.#end[block]);
    const { classes, states } = this.#dfa;
    const touched: number[] = [];
    for (let byteClass = 0; byteClass < classes; byteClass++) {
      touched.length = 0;
      const base = byteClass * (states + 1);
      for (const state of members) {
        const end = at[base + state + 1] as number;
        for (let i = at[base + state] as number; i < end; i++) {
          const earlier = from[i] as number;
          const its = this.#blockOf[earlier] as number;
          if (this.#marked[its] === 0) touched.push(its);
          this.#mark(earlier);
        }
      }
      this.#split(touched);
    }
  }

  /** False where it was marked. */
  #mark(state: number): boolean {
    const block = this.#blockOf[state] as number;
    const place = this.#place[state] as number;
    const target = (this.#first[block] as number) + (this.#marked[block] as number);
    if (place < target) return false;
    const moved = this.#order[target] as number;
    this.#order[place] = moved;
    this.#place[moved] = place;
    this.#order[target] = state;
    this.#place[state] = target;
    this.#marked[block] = (this.#marked[block] as number) + 1;
    return true;
  }

  /** Marked states leave their blocks; the smaller part becomes a new block. */
  #split(blocks: readonly number[]): void {
    for (const block of blocks) {
      const first = this.#first[block] as number;
      const end = this.#end[block] as number;
      const middle = first + (this.#marked[block] as number);
      this.#marked[block] = 0;
      if (middle === end || middle === first) continue;
      const made = this.#blocks++;
      const isFrontSmaller = middle - first <= end - middle;
      this.#first[made] = isFrontSmaller ? first : middle;
      this.#end[made] = isFrontSmaller ? middle : end;
      if (isFrontSmaller) this.#first[block] = middle;
      else this.#end[block] = middle;
      for (let i = this.#first[made] as number; i < (this.#end[made] as number); i++)
        this.#blockOf[this.#order[i] as number] = made;
      // Where the old block waits, both parts have to; else the smaller part is enough.
      this.#enqueue(made);
    }
  }

  #enqueue(block: number): void {
    if (this.#isQueued[block] === 1) return;
    this.#isQueued[block] = 1;
    this.#queue.push(block);
  }

  /** Where can a state come from? By class and state: `from[at[class × (states + 1) + state] …]`. */
  #inverse(): { readonly from: Int32Array; readonly at: Int32Array } {
    const { states, classes, table } = this.#dfa;
    const from = new Int32Array(states * classes);
    const at = new Int32Array(classes * (states + 1));
    for (let byteClass = 0; byteClass < classes; byteClass++) {
      const base = byteClass * (states + 1);
      for (let state = 0; state < states; state++) {
        const target = base + (table[state * classes + byteClass] as number) + 1;
        at[target] = (at[target] as number) + 1;
      }
      at[base] = byteClass * states;
      for (let state = 0; state < states; state++)
        at[base + state + 1] = (at[base + state + 1] as number) + (at[base + state] as number);
    }
    const next = at.slice();
    for (let state = 0; state < states; state++)
      for (let byteClass = 0; byteClass < classes; byteClass++) {
        const slot = byteClass * (states + 1) + (table[state * classes + byteClass] as number);
        from[next[slot] as number] = state;
        next[slot] = (next[slot] as number) + 1;
      }
    return { from, at };
  }
}

/** One state a block, numbered as they are reached; one class where no state tells two apart. */
function withoutTwins(dfa: Dfa, blockOf: Int32Array): Dfa {
  const numbers = new Map<number, number>();
  const members: number[] = [];
  const visit = (state: number): void => {
    const block = blockOf[state] as number;
    if (numbers.has(block)) return;
    numbers.set(block, members.length);
    members.push(state);
  };
  visit(matchState);
  visit(deadState);
  // A dead state that is a twin of the match would be a mistake of the determiniser.
  visit(dfa.start);
  for (let i = 0; i < members.length; i++)
    for (let byteClass = 0; byteClass < dfa.classes; byteClass++)
      visit(dfa.table[(members[i] as number) * dfa.classes + byteClass] as number);
  const columns = Array.from({ length: dfa.classes }, (_, byteClass) =>
    Int32Array.from(members, (state) => {
      const target = dfa.table[state * dfa.classes + byteClass] as number;
      return numbers.get(blockOf[target] as number) as number;
    }),
  );
  const kept: Int32Array[] = [];
  const known = new Map<string, number>();
  const newClass = columns.map((column) => {
    const key = Buffer.from(column.buffer).toString('latin1');
    let number = known.get(key);
    if (number === undefined) {
      known.set(key, (number = kept.length));
      kept.push(column);
    }
    return number;
  });
  const table = new Int32Array(members.length * kept.length);
  kept.forEach((column, byteClass) => {
    column.forEach((target, state) => {
      table[state * kept.length + byteClass] = target;
    });
  });
  return {
    states: members.length,
    classes: kept.length,
    classOf: dfa.classOf.map((byteClass) => newClass[byteClass] as number),
    table,
    matchesAtEnd: Uint8Array.from(members, (state) => dfa.matchesAtEnd[state] as number),
    start: numbers.get(blockOf[dfa.start] as number) as number,
  };
}
