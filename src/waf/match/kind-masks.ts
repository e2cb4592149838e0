/**
 * Which kinds of bytes does every match need? Read off the automaton exactly: a set of kinds is needed when no
 * match is left once their bytes are gone. Kinds that are needed alone come first; then sets of which one is
 * enough, chosen among the rarest, by giving kinds back, the frequent ones first, as long as no match
 * appears.
 */
import type { AutomatonTables } from './automaton-tables.ts';
import { byteFrequency } from './byte-frequency.ts';
import { kindHigh, kindLow, kindsTotal } from './byte-kinds.ts';
import { endItem, matchList } from './position-automaton.ts';

/** Sets of which one kind is enough; each costs the scan a table. */
export const anyKindsMax = 2;
/** A set whose kinds stand in more of ordinary values than this says too little. */
const presenceMax = 0.9;
/** Bytes of a value for which presence is worked out. */
const typicalBytes = 12;

export type KindMasks = { readonly allKinds: bigint; readonly anyKinds: readonly bigint[] };

/** How likely an ordinary value has a byte of the kind. */
const presence = Float64Array.from({ length: kindsTotal }, (_, kind) => {
  let frequency = 0;
  for (let byte = 0; byte < 256; byte++)
    if (hasKind(byte, kind)) frequency += byteFrequency[byte] as number;
  return 1 - (1 - Math.min(frequency, 1)) ** typicalBytes;
});
export const kindsByPresence = Array.from({ length: kindsTotal }, (_, kind) => kind).sort(
  (a, b) => (presence[b] as number) - (presence[a] as number),
);

export function presenceOfKind(kind: number): number {
  return presence[kind] as number;
}

/** How likely an ordinary value has one of these kinds at least. */
export function presenceOfAnyKind(kinds: bigint): number {
  let absent = 1;
  for (let kind = 0; kind < kindsTotal; kind++)
    if (((kinds >> BigInt(kind)) & 1n) === 1n) absent *= 1 - presenceOfKind(kind);
  return 1 - absent;
}

/** How likely an ordinary value has all of these kinds. */
export function presenceOfKinds(kinds: bigint): number {
  let all = 1;
  for (let kind = 0; kind < kindsTotal; kind++)
    if (((kinds >> BigInt(kind)) & 1n) === 1n) all *= presence[kind] as number;
  return all;
}

export function kindMasks(tables: AutomatonTables): KindMasks {
  const reach = new Reach(tables);
  const needed = kindsByPresence.filter((kind) => !reach.canMatchWithout(new Set([kind])));
  const anyKinds: bigint[] = [];
  const taken = new Set(needed);
  while (anyKinds.length < anyKindsMax) {
    const cut = smallestCut(reach, taken);
    if (cut === null) break;
    anyKinds.push(maskOf(cut));
    for (const kind of cut) taken.add(kind);
  }
  return { allKinds: maskOf(needed), anyKinds };
}

/** Null where none is left that says anything. */
function smallestCut(reach: Reach, taken: ReadonlySet<number>): readonly number[] | null {
  const cut = new Set(kindsByPresence.filter((kind) => !taken.has(kind)));
  if (reach.canMatchWithout(cut)) return null;
  for (const kind of [...cut]) {
    cut.delete(kind);
    if (reach.canMatchWithout(cut)) cut.add(kind);
  }
  let absent = 1;
  for (const kind of cut) absent *= 1 - (presence[kind] as number);
  return 1 - absent > presenceMax ? null : [...cut];
}

function maskOf(kinds: Iterable<number>): bigint {
  let mask = 0n;
  for (const kind of kinds) mask |= 1n << BigInt(kind);
  return mask;
}

function hasKind(byte: number, kind: number): boolean {
  const word = kind < 32 ? kindLow[byte] : kindHigh[byte];
  return (((word as number) >>> (kind & 31)) & 1) === 1;
}

class Reach {
  readonly #tables: AutomatonTables;
  /** Of each class: its bytes. */
  readonly #bytes: readonly (readonly number[])[];
  readonly #seen: Int32Array;
  #generation = 0;

  constructor(tables: AutomatonTables) {
    this.#tables = tables;
    const bytes: number[][] = Array.from({ length: tables.classes }, () => []);
    tables.classOf.forEach((byteClass, byte) => {
      bytes[byteClass]?.push(byte);
    });
    this.#bytes = bytes;
    this.#seen = new Int32Array(tables.lists.length);
  }

  /** Is there a match in which no byte is of one of these kinds? */
  canMatchWithout(kinds: ReadonlySet<number>): boolean {
    const { itemClasses, itemClassesAt, itemList, lists } = this.#tables;
    const usable = this.#usableClasses(kinds);
    const generation = ++this.#generation;
    const queue: number[] = [];
    const visit = (list: number): void => {
      if (this.#seen[list] === generation) return;
      this.#seen[list] = generation;
      queue.push(list);
    };
    visit(this.#tables.startList);
    // A match that begins later begins behind some byte: the classes that lead there have to be usable too.
    this.#tables.restarts.forEach((restart, number) => {
      if (this.#tables.restartOfClass.some((its, at) => its === number && usable[at] === 1))
        visit(restart.list);
    });
    for (let list = queue.pop(); list !== undefined; list = queue.pop()) {
      if (list === matchList) return true;
      for (const item of lists[list] ?? []) {
        if (item === endItem) return true;
        const end = itemClassesAt[item + 1] as number;
        for (let at = itemClassesAt[item] as number; at < end; at++)
          if (usable[itemClasses[at] as number] === 1) {
            visit(itemList[item] as number);
            break;
          }
      }
    }
    return false;
  }

  /** A class is usable while one of its bytes is. */
  #usableClasses(kinds: ReadonlySet<number>): Uint8Array {
    let low = 0;
    let high = 0;
    for (const kind of kinds)
      if (kind < 32) low |= 1 << kind;
      else high |= 1 << (kind - 32);
    return Uint8Array.from(this.#bytes, (bytes) =>
      bytes.some(
        (byte) =>
          ((kindLow[byte] as number) & low) === 0 && ((kindHigh[byte] as number) & high) === 0,
      )
        ? 1
        : 0,
    );
  }
}
