/**
 * Ranges of one family → values, with their nesting: what lies around a range and what lies right inside it.
 *
 * A path-compressed binary tree. A node without a value is a fork that two subtrees needed:
 *
 * ```
 * 10.0.0.0/8 ─┬─ 10.0.0.0/15 (fork) ─┬─ 10.0.0.0/16
 *             │                      └─ 10.1.0.0/16
 *             └─ 10.128.0.0/9
 * ```
 *
 * Every path has at most 32 or 128 nodes, whoever chose the ranges.
 */
import type { CidrKey } from '#core/cidr-map.ts';
import { wordMask } from '#core/ip.ts';

type Node<V> = {
  readonly words: Uint32Array;
  readonly prefix: number;
  value: V | undefined;
  readonly sides: [Node<V> | null, Node<V> | null];
};

export class PrefixTree<V> {
  #root: Node<V> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ words, prefix }: CidrKey): V | undefined {
    for (let node = this.#root; node !== null && node.prefix <= prefix; ) {
      if (!holds(node, words)) return undefined;
      if (node.prefix === prefix) return node.value;
      node = node.sides[bitAt(words, node.prefix)];
    }
    return undefined;
  }

  set({ words, prefix }: CidrKey, value: V): void {
    const fresh: Node<V> = { words, prefix, value, sides: [null, null] };
    let parent: Node<V> | null = null;
    for (let node = this.#root; ; node = parent.sides[bitAt(words, parent.prefix)]) {
      if (node === null) {
        this.#hang(parent, words, fresh);
        break;
      }
      const shared = sharedBits(node.words, words, Math.min(node.prefix, prefix));
      if (shared === node.prefix && shared === prefix) {
        if (node.value === undefined) this.#size++;
        node.value = value;
        return;
      }
      if (shared < node.prefix) {
        // The new one stands above this node, or both hang from a fork.
        const above: Node<V> =
          shared === prefix
            ? fresh
            : {
                words: maskedWords(words, shared),
                prefix: shared,
                value: undefined,
                sides: [null, null],
              };
        above.sides[bitAt(node.words, shared)] = node;
        if (above !== fresh) above.sides[bitAt(words, shared)] = fresh;
        this.#hang(parent, words, above);
        break;
      }
      parent = node;
    }
    this.#size++;
  }

  delete({ words, prefix }: CidrKey): boolean {
    let above: Node<V> | null = null;
    let parent: Node<V> | null = null;
    let node = this.#root;
    while (node !== null && node.prefix < prefix) {
      above = parent;
      parent = node;
      node = node.sides[bitAt(words, node.prefix)];
    }
    if (node === null || node.prefix !== prefix || !holds(node, words)) return false;
    if (node.value === undefined) return false;
    node.value = undefined;
    this.#size--;
    this.#prune(parent, node);
    if (parent !== null) this.#prune(above, parent);
    return true;
  }

  /** The narrowest range that is wider than this one and holds it. */
  parent({ words, prefix }: CidrKey): V | undefined {
    let found: V | undefined;
    for (let node = this.#root; node !== null && node.prefix < prefix && holds(node, words); ) {
      found = node.value ?? found;
      node = node.sides[bitAt(words, node.prefix)];
    }
    return found;
  }

  /** The widest ranges inside this one, without those inside of these. */
  children({ words, prefix }: CidrKey): V[] {
    let node = this.#root;
    while (node !== null && node.prefix < prefix) node = node.sides[bitAt(words, node.prefix)];
    if (node === null || sharedBits(node.words, words, prefix) < prefix) return [];
    const found: V[] = [];
    const queue = node.prefix === prefix ? [...node.sides] : [node];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (at === null) continue;
      if (at.value === undefined) queue.push(...at.sides);
      else found.push(at.value);
    }
    return found;
  }

  values(): V[] {
    const found: V[] = [];
    const queue = [this.#root];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (at === null) continue;
      if (at.value !== undefined) found.push(at.value);
      queue.push(...at.sides);
    }
    return found;
  }

  #hang(parent: Node<V> | null, words: Uint32Array, node: Node<V> | null): void {
    if (parent === null) this.#root = node;
    else parent.sides[bitAt(words, parent.prefix)] = node;
  }

  /** Takes a node without a value and without two sides out of the path. */
  #prune(parent: Node<V> | null, node: Node<V>): void {
    const [zero, one] = node.sides;
    if (node.value !== undefined || (zero !== null && one !== null)) return;
    this.#hang(parent, node.words, zero ?? one);
  }
}

function bitAt(words: Uint32Array, bit: number): 0 | 1 {
  return (((words[bit >>> 5] as number) >>> (31 - (bit & 31))) & 1) as 0 | 1;
}

function holds(node: Node<unknown>, words: Uint32Array): boolean {
  return sharedBits(node.words, words, node.prefix) === node.prefix;
}

/** How many leading bits are alike, `most` at most. */
function sharedBits(one: Uint32Array, other: Uint32Array, most: number): number {
  for (let index = 0; index * 32 < most; index++) {
    const different = (one[index] as number) ^ (other[index] as number);
    if (different !== 0) return Math.min(most, index * 32 + Math.clz32(different));
  }
  return most;
}

function maskedWords(words: Uint32Array, prefix: number): Uint32Array {
  return words.map((word, index) => word & wordMask(prefix, index));
}
