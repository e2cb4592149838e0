/**
 * Syntax tree → nondeterministic automaton without empty moves and without assertions.
 *
 * ```
 * item   a set of bytes; where the next byte is in it, the item's list becomes active
 * list   items, sorted; list 0 is the match itself
 * ```
 *
 * Assertions vanish here, so everything behind works on bytes alone. What stands before a place is known when
 * it is reached; what follows is one of few contexts (end, word byte, newline, other), and an assertion
 * narrows down which of them are allowed: an item reached through `\b` keeps just the bytes that `\b` lets
 * follow. A match that hangs on what follows is an item that looks at that one byte (or is `endItem`).
 *
 * Everything is shared that is equal: `foo|zoo` has one `oo`.
 */
import { type ByteSet, isWord, keyOf } from './byte-set.ts';
import { automatonEntriesMax, automatonItemsMax } from './limits.ts';
import type { Assertion, PatternNode } from './syntax-tree.ts';

/** The match: nothing has to follow. */
export const matchList = 0;
/** Has no bytes: where it is active at the end of the subject, there is a match. */
export const endItem = 0;

export type PositionAutomaton = {
  /** Distinct; `itemSet` points into it. */
  readonly sets: readonly ByteSet[];
  readonly itemSet: readonly number[];
  readonly itemList: readonly number[];
  readonly lists: readonly Uint16Array[];
  /** At the start of the subject. */
  readonly startList: number;
  /** What begins anew behind each byte, by its context; all alike where nothing looks back. */
  readonly restartLists: readonly number[];
  /** 256 entries, into `restartLists`. */
  readonly contextOf: Uint8Array;
};

/** The automaton would grow past its limits. */
export class AutomatonTooLarge extends Error {
  override readonly name = 'AutomatonTooLarge';
}

// Contexts, as bits of what may follow, and as what stood before.
const edge = 1;
const word = 2;
const newline = 4;
const other = 8;

type Byte = { readonly kind: 'byte'; readonly set: number; readonly next: number };
type Split = { readonly kind: 'split'; nexts: number[] };
type Check = { readonly kind: 'check'; readonly assertion: Assertion; readonly next: number };
type GraphNode = Byte | Split | Check | { readonly kind: 'match' };

export function buildAutomaton(pattern: PatternNode): PositionAutomaton {
  return new AutomatonBuilder(pattern).build();
}

class AutomatonBuilder {
  readonly #graph: GraphNode[] = [{ kind: 'match' }];
  readonly #known = new Map<string, number>();
  readonly #sets: ByteSet[] = [];
  readonly #setNumbers = new Map<string, number>();
  /** Of the parser's objects, as most are shared. */
  readonly #seenSets = new Map<ByteSet, number>();
  readonly #narrowed = new Map<number, number | null>();
  readonly #start: number;
  readonly #contexts: readonly number[];
  readonly #byteContext: Uint8Array;
  readonly #everything: number;

  readonly #itemSet: number[] = [];
  readonly #itemList: number[] = [];
  readonly #itemNumbers = new Map<string, number>();
  readonly #lists: Uint16Array[] = [new Uint16Array(0)];
  readonly #listNumbers = new Map<string, number>();
  /** By graph node and context; items whose list is not made yet wait in `#waiting`. */
  readonly #listOf = new Map<number, number>();
  readonly #waiting: { readonly item: number; readonly node: number; readonly before: number }[] =
    [];
  readonly #looksBack: Uint8Array;
  #entries = 0;

  constructor(pattern: PatternNode) {
    this.#start = this.#add(pattern, 0);
    const asserted = new Set(
      this.#graph.flatMap((node) => (node.kind === 'check' ? [node.assertion] : [])),
    );
    const hasWord = asserted.has('wordBoundary') || asserted.has('notWordBoundary');
    const hasLine = asserted.has('lineStart') || asserted.has('lineEnd');
    this.#byteContext = Uint8Array.from({ length: 256 }, (_, byte) => {
      if (hasLine && byte === 10) return newline;
      return hasWord && isWord(byte) ? word : other;
    });
    this.#contexts = [other, ...(hasWord ? [word] : []), ...(hasLine ? [newline] : [])];
    this.#everything = this.#contexts.reduce((all, context) => all | context, edge);
    this.#looksBack = this.#nodesThatLookBack();
  }

  build(): PositionAutomaton {
    this.#item(this.#setNumber(new Uint8Array(256)), 'end', matchList);
    const startList = this.#list(this.#start, edge);
    const restartLists = this.#contexts.map((context) => this.#list(this.#start, context));
    for (let task = this.#waiting.pop(); task !== undefined; task = this.#waiting.pop())
      this.#itemList[task.item] = this.#list(task.node, task.before);
    return {
      sets: this.#sets,
      itemSet: this.#itemSet,
      itemList: this.#itemList,
      lists: this.#lists,
      startList,
      restartLists,
      contextOf: this.#byteContext.map((context) => this.#contexts.indexOf(context)),
    };
  }

  // The graph: bytes, splits and checks, from behind.

  /** The node where `pattern` begins, when `next` is what follows it. */
  #add(pattern: PatternNode, next: number): number {
    switch (pattern.kind) {
      case 'empty':
        return next;
      case 'set': {
        const set = this.#seenSets.get(pattern.set) ?? this.#setNumber(pattern.set);
        this.#seenSets.set(pattern.set, set);
        return this.#share(`b${set},${next}`, () => ({ kind: 'byte', set, next }));
      }
      case 'assertion':
        return this.#share(`${pattern.assertion},${next}`, () => ({
          kind: 'check',
          assertion: pattern.assertion,
          next,
        }));
      case 'group':
        return this.#add(pattern.node, next);
      case 'sequence':
        return pattern.nodes.reduceRight((behind, node) => this.#add(node, behind), next);
      case 'choice':
        return this.#split(pattern.nodes.map((node) => this.#add(node, next)));
      case 'repeat':
        return this.#addRepeat(pattern.node, pattern.min, pattern.max, next);
    }
  }

  #addRepeat(node: PatternNode, min: number, max: number | null, next: number): number {
    let at = next;
    if (max === null) {
      const loop: Split = { kind: 'split', nexts: [] };
      at = this.#push(loop);
      loop.nexts = [this.#add(node, at), next];
    } else {
      for (let i = min; i < max; i++) at = this.#split([this.#add(node, at), next]);
    }
    for (let i = 0; i < min; i++) at = this.#add(node, at);
    return at;
  }

  #split(nexts: readonly number[]): number {
    const distinct = [...new Set(nexts)].sort((a, b) => a - b);
    const [only] = distinct;
    if (distinct.length === 1 && only !== undefined) return only;
    return this.#share(`s${distinct.join()}`, () => ({ kind: 'split', nexts: distinct }));
  }

  #share(key: string, make: () => GraphNode): number {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const number = this.#push(make());
    this.#known.set(key, number);
    return number;
  }

  #push(node: GraphNode): number {
    if (this.#graph.length >= 4 * automatonItemsMax) throw new AutomatonTooLarge();
    return this.#graph.push(node) - 1;
  }

  #setNumber(set: ByteSet): number {
    const key = keyOf(set);
    const known = this.#setNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#sets.push(set) - 1;
    this.#setNumbers.set(key, number);
    return number;
  }

  // Lists: what is reached from a graph node without a byte.

  /** Whether a check lies between a node and its next bytes; only then the list hangs on what stood before. */
  #nodesThatLookBack(): Uint8Array {
    const before: number[][] = this.#graph.map(() => []);
    const queue: number[] = [];
    const looks = new Uint8Array(this.#graph.length);
    this.#graph.forEach((node, number) => {
      if (node.kind === 'split') for (const next of node.nexts) before[next]?.push(number);
      if (node.kind === 'check') {
        before[node.next]?.push(number);
        looks[number] = 1;
        queue.push(number);
      }
    });
    for (let at = queue.pop(); at !== undefined; at = queue.pop())
      for (const earlier of before[at] ?? [])
        if (looks[earlier] === 0) {
          looks[earlier] = 1;
          queue.push(earlier);
        }
    return looks;
  }

  #list(node: number, before: number): number {
    const context = this.#looksBack[node] === 1 ? before : 0;
    const key = node * 16 + context;
    const known = this.#listOf.get(key);
    if (known !== undefined) return known;
    const number = this.#makeList(node, context);
    this.#listOf.set(key, number);
    return number;
  }

  #makeList(from: number, before: number): number {
    const seen = new Map<number, number>();
    const stack: [number, number][] = [[from, this.#everything]];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const [number, allowed] = top;
      const known = seen.get(number) ?? 0;
      if ((allowed & ~known) === 0) continue;
      seen.set(number, known | allowed);
      const node = this.#graph[number];
      if (node?.kind === 'split')
        for (let i = node.nexts.length - 1; i >= 0; i--)
          stack.push([node.nexts[i] as number, allowed]);
      if (node?.kind === 'check')
        stack.push([node.next, allowed & followersOf(node.assertion, before)]);
    }
    if (seen.get(0) === this.#everything) return matchList;
    const items = new Set<number>();
    for (const [number, allowed] of seen) this.#addItems(items, number, allowed);
    const list = Uint16Array.from(items).sort();
    const key = list.join();
    const known = this.#listNumbers.get(key);
    if (known !== undefined) return known;
    this.#entries += list.length;
    if (this.#entries > automatonEntriesMax) throw new AutomatonTooLarge();
    const made = this.#lists.push(list) - 1;
    this.#listNumbers.set(key, made);
    return made;
  }

  #addItems(items: Set<number>, number: number, allowed: number): void {
    const node = this.#graph[number];
    if (node?.kind === 'match') {
      if ((allowed & edge) !== 0) items.add(endItem);
      const looked = this.#within(null, allowed);
      if (looked !== null) items.add(this.#item(looked, 'match', matchList));
    }
    if (node?.kind !== 'byte') return;
    if (this.#looksBack[node.next] === 0) {
      const set = this.#within(node.set, allowed);
      if (set !== null) items.add(this.#itemTo(set, node.next, other));
      return;
    }
    // What the byte is decides about the check behind it: an item for each kind.
    for (const context of this.#contexts) {
      const set = this.#within(node.set, allowed & context);
      if (set !== null) items.add(this.#itemTo(set, node.next, context));
    }
  }

  /** The set without bytes of other contexts; null where nothing is left. */
  #within(set: number | null, allowed: number): number | null {
    const key = ((set ?? -1) + 1) * 16 + (allowed & 15);
    let narrowed = this.#narrowed.get(key);
    if (narrowed === undefined) this.#narrowed.set(key, (narrowed = this.#narrow(set, allowed)));
    return narrowed;
  }

  #narrow(set: number | null, allowed: number): number | null {
    const bytes = set === null ? null : (this.#sets[set] ?? null);
    const left = new Uint8Array(256);
    let isEmpty = true;
    for (let byte = 0; byte < 256; byte++) {
      if (bytes !== null && bytes[byte] === 0) continue;
      if (((this.#byteContext[byte] as number) & allowed) === 0) continue;
      left[byte] = 1;
      isEmpty = false;
    }
    return isEmpty ? null : this.#setNumber(left);
  }

  #itemTo(set: number, node: number, before: number): number {
    const context = this.#looksBack[node] === 1 ? before : 0;
    const key = `${node},${context}`;
    const known = this.#itemNumbers.get(`${set},${key}`);
    if (known !== undefined) return known;
    const item = this.#item(set, key, matchList);
    this.#waiting.push({ item, node, before });
    return item;
  }

  #item(set: number, key: string, list: number): number {
    const known = this.#itemNumbers.get(`${set},${key}`);
    if (known !== undefined) return known;
    if (this.#itemSet.length >= automatonItemsMax) throw new AutomatonTooLarge();
    const item = this.#itemSet.push(set) - 1;
    this.#itemList.push(list);
    this.#itemNumbers.set(`${set},${key}`, item);
    return item;
  }
}

/** The contexts that may follow, where `before` is what stands before. */
function followersOf(assertion: Assertion, before: number): number {
  switch (assertion) {
    case 'start':
      return before === edge ? ~0 : 0;
    case 'end':
      return edge;
    case 'lineStart':
      // PCRE2: not behind a newline that ends the subject.
      return before === edge ? ~0 : before === newline ? ~edge : 0;
    case 'lineEnd':
      return edge | newline;
    case 'wordBoundary':
      return before === word ? ~word : word;
    case 'notWordBoundary':
      return before === word ? word : ~word;
  }
}
