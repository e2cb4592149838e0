/**
 * Aho and Corasick's automaton ("Efficient string matching", 1975) with every move filled in: classes of
 * bytes (letters without case), nodes in breadth-first order, and for each node the owners of the literals
 * that end there.
 */
export type Trie = {
  readonly nodes: number;
  readonly classes: number;
  /** 256 entries; class 0 are the bytes of no literal. */
  readonly classOf: Uint8Array;
  /** `nodes × classes`. */
  readonly table: Int32Array;
  /** Owners, sorted. */
  readonly outputs: readonly (readonly number[])[];
};

/** The literals of each owner, in lower case. */
export function buildTrie(literalsOf: readonly (readonly string[])[]): Trie {
  const { classOf, classes } = classesOfLiterals(literalsOf);
  const children: Map<number, number>[] = [new Map()];
  const own: Set<number>[] = [new Set()];
  literalsOf.forEach((literals, owner) => {
    for (const literal of literals) {
      let node = 0;
      for (let i = 0; i < literal.length; i++) {
        const column = classOf[literal.charCodeAt(i)] as number;
        const known = children[node]?.get(column);
        const next = known ?? children.push(new Map()) - 1;
        if (known === undefined) {
          own.push(new Set());
          children[node]?.set(column, next);
        }
        node = next;
      }
      own[node]?.add(owner);
    }
  });
  return filledIn(children, own, classOf, classes);
}

function filledIn(
  children: readonly ReadonlyMap<number, number>[],
  own: readonly ReadonlySet<number>[],
  classOf: Uint8Array,
  classes: number,
): Trie {
  const order = [0];
  const place = new Int32Array(children.length);
  const fails = new Int32Array(children.length);
  const table = new Int32Array(children.length * classes);
  const outputs: number[][] = [[]];
  for (let at = 0; at < order.length; at++) {
    const node = order[at] as number;
    const fail = fails[at] as number;
    if (at > 0) {
      const owners = new Set([...(own[node] ?? []), ...(outputs[fail] ?? [])]);
      outputs[at] = [...owners].sort((a, b) => a - b);
    }
    for (let column = 0; column < classes; column++) {
      const behind = at === 0 ? 0 : (table[fail * classes + column] as number);
      const child = children[node]?.get(column);
      if (child !== undefined) {
        const index = order.push(child) - 1;
        place[child] = index;
        fails[index] = behind;
      }
      table[at * classes + column] = child === undefined ? behind : (place[child] as number);
    }
  }
  return { nodes: order.length, classes, classOf, table, outputs };
}

function classesOfLiterals(literalsOf: readonly (readonly string[])[]): {
  readonly classOf: Uint8Array;
  readonly classes: number;
} {
  const classOf = new Uint8Array(256);
  let classes = 1;
  for (const literals of literalsOf)
    for (const literal of literals)
      for (let i = 0; i < literal.length; i++) {
        const byte = literal.charCodeAt(i);
        if (classOf[byte] === 0) classOf[byte] = classes++;
      }
  for (let byte = 0x41; byte <= 0x5a; byte++) classOf[byte] = classOf[byte + 32] as number;
  return { classOf, classes };
}
