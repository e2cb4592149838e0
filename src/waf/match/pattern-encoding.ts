/** Automata → the blobs that the guest's `matchPattern` runs (`format.ts`). */
import type { AutomatonTables, Restart } from './automaton-tables.ts';
import { Blob } from './blob.ts';
import { type Dfa, deadState, matchState } from './determinise.ts';
import { DfaWord, LazyWord, LiteralFlag, LiteralWord, PatternKind } from './format.ts';
import type { PlainLiteral } from './plain-literal.ts';
import { endItem } from './position-automaton.ts';

export function encodeConstant(matches: boolean): Uint8Array {
  return new Blob(matches ? PatternKind.always : PatternKind.never, 4).finish();
}

export function encodeLiteral(literal: PlainLiteral): Uint8Array {
  const blob = new Blob(PatternKind.literal, LiteralWord.words);
  const flags =
    (literal.ignoreCase ? LiteralFlag.ignoreCase : 0) |
    (literal.isAtStart ? LiteralFlag.atStart : 0) |
    (literal.isAtEnd ? LiteralFlag.atEnd : 0);
  blob.setWord(LiteralWord.length, literal.bytes.length);
  blob.setWord(LiteralWord.flags, flags);
  blob.setWord(LiteralWord.bytesAt, blob.add(literal.bytes));
  return blob.finish();
}

/** Bytes of the table that `encodeDfa` would write. */
export function dfaTableBytes(dfa: Dfa): number {
  return dfa.states * (dfa.classes + 1) * 2;
}

/** Of at most 65,535 states, which `determinisedStatesMax` sees to. */
export function encodeDfa(dfa: Dfa): Uint8Array {
  if (dfa.start === matchState || dfa.start === deadState)
    return encodeConstant(dfa.start === matchState);
  const stride = dfa.classes + 1;
  const table = new Uint16Array(dfa.states * stride);
  const isLarge = table.length > 0xffff;
  const step = isLarge ? 1 : stride;
  for (let state = 0; state < dfa.states; state++) {
    for (let column = 0; column < dfa.classes; column++)
      table[state * stride + column] = (dfa.table[state * dfa.classes + column] as number) * step;
    table[state * stride + dfa.classes] = dfa.matchesAtEnd[state] as number;
  }
  const blob = new Blob(isLarge ? PatternKind.largeDfa : PatternKind.dfa, DfaWord.words);
  blob.setWord(DfaWord.start, dfa.start * step);
  blob.setWord(DfaWord.stride, stride);
  blob.setWord(DfaWord.endColumn, dfa.classes);
  blob.add(dfa.classOf);
  blob.setWord(DfaWord.tableAt, blob.add(table));
  return blob.finish();
}

export function encodeLazy(tables: AutomatonTables): Uint8Array {
  const { items, classes, restarts } = tables;
  const blob = new Blob(PatternKind.lazy, LazyWord.words);
  blob.add(tables.classOf);
  const classWords = (classes + 63) >> 6;
  const start = tables.lists[tables.startList] ?? new Uint16Array(0);
  blob.setWord(LazyWord.items, items);
  blob.setWord(LazyWord.classes, classes);
  blob.setWord(LazyWord.restarts, restarts.length);
  blob.setWord(LazyWord.classWords, classWords);
  blob.setWord(LazyWord.startCount, start.length);
  blob.setWord(LazyWord.startAt, blob.add(start));
  blob.setWord(LazyWord.itemListsAt, blob.add(tables.itemList));
  blob.setWord(LazyWord.itemClassesAt, blob.add(itemClassBits(tables, classWords)));
  blob.setWord(LazyWord.listsAt, addLists(blob, tables.lists));
  blob.setWord(LazyWord.restartOfClassAt, blob.add(tables.restartOfClass));
  const records = new Uint32Array(4 * (restarts.length + 1));
  restarts.forEach((restart, number) => {
    const holdsAt = tables.isAnchored ? 0 : blob.add(flagWords(restart.holds));
    const movesAt = addMoves(blob, restart.moves);
    records.set([restart.matchesAtEnd ? 1 : 0, holdsAt, movesAt, 0], 4 * number);
  });
  const startMoves = addMoves(blob, tables.startMoves);
  records.set([start.includes(endItem) ? 1 : 0, 0, startMoves, 0], 4 * restarts.length);
  blob.setWord(LazyWord.restartsAt, blob.add(records));
  return blob.finish();
}

function itemClassBits(tables: AutomatonTables, classWords: number): Uint32Array {
  const bits = new Uint32Array(tables.items * classWords * 2);
  for (let item = 0; item < tables.items; item++) {
    const end = tables.itemClassesAt[item + 1] as number;
    for (let at = tables.itemClassesAt[item] as number; at < end; at++) {
      const byteClass = tables.itemClasses[at] as number;
      const word = item * classWords * 2 + (byteClass >> 5);
      bits[word] = (bits[word] as number) | (1 << (byteClass & 31));
    }
  }
  return bits;
}

function addLists(blob: Blob, lists: readonly Uint16Array[]): number {
  const total = lists.reduce((sum, list) => sum + list.length, 0);
  const entries = new Uint16Array(total);
  const offsets = new Uint32Array(lists.length + 1);
  let at = 0;
  lists.forEach((list, number) => {
    entries.set(list, at);
    at += list.length;
    offsets[number + 1] = at * 2;
  });
  const entriesAt = blob.add(entries);
  return blob.add(offsets.map((offset) => offset + entriesAt));
}

function addMoves(blob: Blob, moves: Restart['moves']): number {
  const known = new Map<Uint16Array, number>();
  const offsets = Uint32Array.from(moves, (items) => {
    if (items === null) return 0;
    const at = known.get(items) ?? blob.add(Uint16Array.from([items.length, ...items]));
    known.set(items, at);
    return at;
  });
  return blob.add(offsets);
}

function flagWords(flags: Uint8Array): Uint32Array {
  const words = new Uint32Array((flags.length + 31) >> 5);
  flags.forEach((flag, item) => {
    if (flag === 1) words[item >> 5] = (words[item >> 5] as number) | (1 << (item & 31));
  });
  return words;
}
