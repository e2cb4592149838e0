/**
 * A position automaton in arrays, by classes of bytes: what the determiniser walks, what the lazy program
 * is written from, what masks are derived from.
 */
import { endItem, matchList, type PositionAutomaton } from './position-automaton.ts';

export type AutomatonTables = {
  readonly items: number;
  /** Classes of bytes that no item tells apart. */
  readonly classes: number;
  /** 256 entries. */
  readonly classOf: Uint8Array;
  /** Of each item: its classes are `itemClasses[itemClassesAt[i] .. itemClassesAt[i + 1]]`. */
  readonly itemClassesAt: Int32Array;
  readonly itemClasses: Uint8Array;
  readonly itemList: Uint16Array;
  readonly lists: readonly Uint16Array[];
  readonly startList: number;
  /** What begins anew behind each byte, once for each context that makes a difference. */
  readonly restarts: readonly Restart[];
  /** Nothing ever begins anew: matches lie at the start. */
  readonly isAnchored: boolean;
  /** Of each class: which of `restarts` is on behind it. */
  readonly restartOfClass: Uint8Array;
  /** As `Restart.moves`, of the start of the subject, whose items are all in its state. */
  readonly startMoves: readonly (Uint16Array | null)[];
};

export type Restart = {
  readonly list: number;
  /** By item: 1 where the restart has it, so states leave it out. */
  readonly holds: Uint8Array;
  /** A subject that ends here matches. */
  readonly matchesAtEnd: boolean;
  /**
   * By class: the items that the restart itself brings, those of the restart behind that class left out; null
   * where it brings the match. Equal ones are the same object.
   */
  readonly moves: readonly (Uint16Array | null)[];
};

export function tablesOf(automaton: PositionAutomaton): AutomatonTables {
  const items = automaton.itemSet.length;
  const restartLists = [...new Set(automaton.restartLists)];
  const restartOfContext = automaton.restartLists.map((list) => restartLists.indexOf(list));
  const restartOfByte = automaton.contextOf.map((context) => restartOfContext[context] ?? 0);
  const { classOf, firstBytes } = classesOf([...automaton.sets, restartOfByte]);
  const classes = firstBytes.length;
  const itemClassesAt = new Int32Array(items + 1);
  const itemClasses: number[] = [];
  for (let item = 0; item < items; item++) {
    const set = automaton.sets[automaton.itemSet[item] ?? 0];
    firstBytes.forEach((byte, byteClass) => {
      if (set?.[byte] === 1) itemClasses.push(byteClass);
    });
    itemClassesAt[item + 1] = itemClasses.length;
  }
  const base = {
    items,
    classes,
    classOf,
    itemClassesAt,
    itemClasses: Uint8Array.from(itemClasses),
    itemList: Uint16Array.from(automaton.itemList),
    lists: automaton.lists,
    startList: automaton.startList,
    restartOfClass: Uint8Array.from(firstBytes, (byte) => restartOfByte[byte] ?? 0),
  };
  const holds = restartLists.map((list) => flagsOf(automaton.lists[list] ?? [], items));
  const restarts = restartLists.map((list, number): Restart => {
    const flags = holds[number] ?? new Uint8Array(items);
    return {
      list,
      holds: flags,
      matchesAtEnd: list === matchList || flags[endItem] === 1,
      moves: movesOf(base, list, holds, restartLists),
    };
  });
  const startMoves = movesOf(base, null, holds, restartLists);
  const isAnchored = restartLists.every(
    (list) => list !== matchList && automaton.lists[list]?.length === 0,
  );
  return { ...base, restarts, startMoves, isAnchored };
}

/** Bytes that are alike in every set are one class; `firstBytes` has one of each. */
export function classesOf(sets: readonly Uint8Array[]): {
  readonly classOf: Uint8Array;
  readonly firstBytes: readonly number[];
} {
  let classOf = new Uint8Array(256);
  for (const set of sets) {
    const numbers = new Map<number, number>();
    const refined = new Uint8Array(256);
    for (let byte = 0; byte < 256; byte++) {
      const key = (classOf[byte] as number) * 256 + (set[byte] as number);
      let number = numbers.get(key);
      if (number === undefined) numbers.set(key, (number = numbers.size));
      refined[byte] = number;
    }
    classOf = refined;
  }
  const firstBytes: number[] = [];
  classOf.forEach((byteClass, byte) => {
    if (byteClass === firstBytes.length) firstBytes.push(byte);
  });
  return { classOf, firstBytes };
}

function flagsOf(list: Iterable<number>, items: number): Uint8Array {
  const flags = new Uint8Array(items);
  for (const item of list) flags[item] = 1;
  return flags;
}

function movesOf(
  tables: Omit<AutomatonTables, 'restarts' | 'startMoves' | 'isAnchored'>,
  from: number | null,
  holds: readonly Uint8Array[],
  restartLists: readonly number[],
): (Uint16Array | null)[] {
  const reached = Array.from({ length: tables.classes }, () => new Set<number>());
  for (const item of from === null ? [] : (tables.lists[from] ?? [])) {
    const end = tables.itemClassesAt[item + 1] as number;
    for (let at = tables.itemClassesAt[item] as number; at < end; at++)
      reached[tables.itemClasses[at] as number]?.add(tables.itemList[item] as number);
  }
  const known = new Map<string, Uint16Array>();
  return reached.map((lists, byteClass) => {
    const behind = tables.restartOfClass[byteClass] as number;
    if (lists.has(matchList) || restartLists[behind] === matchList) return null;
    const items = new Set<number>();
    for (const number of lists)
      for (const item of tables.lists[number] ?? [])
        if (holds[behind]?.[item] !== 1) items.add(item);
    const sorted = Uint16Array.from(items).sort();
    const key = sorted.join();
    const same = known.get(key);
    if (same === undefined) known.set(key, sorted);
    return same ?? sorted;
  });
}
