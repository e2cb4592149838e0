/** Bounds that an automaton gives on the subjects it matches. */
import type { AutomatonTables } from './automaton-tables.ts';
import { endItem, matchList } from './position-automaton.ts';

/** Bytes of the shortest subject that matches; null: nothing ever matches. */
export function shortestMatch(tables: AutomatonTables): number | null {
  const seen = new Uint8Array(tables.lists.length);
  let front = [tables.startList];
  for (let length = 0; front.length > 0; length++) {
    const next = new Set<number>();
    // What begins behind one byte or more: no shorter way than from the start but through an assertion.
    if (length === 1) for (const restart of tables.restarts) front.push(restart.list);
    for (const list of front) {
      if (seen[list] === 1) continue;
      seen[list] = 1;
      if (list === matchList) return length;
      for (const item of tables.lists[list] ?? []) {
        if (item === endItem) return length;
        next.add(tables.itemList[item] as number);
      }
    }
    front = [...next];
    if (length === 0 && front.length === 0) front = tables.restarts.map(({ list }) => list);
  }
  return null;
}

/** Where every match begins at the start of the subject: the bytes that can stand there; else null. */
export function firstBytesOf(tables: AutomatonTables): Uint8Array | null {
  const start = tables.lists[tables.startList] ?? new Uint16Array(0);
  if (!tables.isAnchored || start.includes(endItem)) return null;
  const classes = new Uint8Array(tables.classes);
  for (const item of start) {
    const end = tables.itemClassesAt[item + 1] as number;
    for (let at = tables.itemClassesAt[item] as number; at < end; at++)
      classes[tables.itemClasses[at] as number] = 1;
  }
  return tables.classOf.map((byteClass) => classes[byteClass] as number);
}
