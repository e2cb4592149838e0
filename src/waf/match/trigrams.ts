/**
 * Thousands of literals, looked for at once without an automaton. Bytes are in 63 classes, letters without case; at
 * each byte of a subject the last three classes are an index into two bits: does a literal have these three at its
 * rarest place, and does one have them a byte further on? Only where the first bit and, a byte later, the
 * second are set, literals are compared. No step waits for a load of the one before, which is what makes Aho and
 * Corasick's automaton slow, and the bits of ordinary text stay in the first cache.
 *
 * The number of the first bit among all that are set leads to the literals that have these three, which are
 * compared whole, eight bytes at a time, in one record or two. What a short literal says nothing about is set for all bytes; behind the
 * end of a subject stands class 0, which is that of bytes in no literal.
 */
import { byteFrequency } from './byte-frequency.ts';

export const trigramBits = 18;
const classesMax = 64;
const allClasses = Array.from({ length: classesMax }, (_, number) => number);
const windowBytes = 3;
const recordBytes = 32;
/** Of a literal in one record. */
const wordBytes = 8;

export type Trigrams = {
  /** 256 entries. */
  readonly classOf: Uint8Array;
  readonly bits: Uint8Array;
  readonly ranks: Uint16Array;
  /** In records. */
  readonly checkLists: Uint32Array;
  readonly checks: readonly LiteralCheck[];
};

export type LiteralCheck = { readonly literal: string; readonly window: number };

/** Literals of two to sixteen bytes, in lower case. */
export function buildTrigrams(literals: readonly string[]): Trigrams {
  const classOf = classesOfLiterals(literals);
  const lists = new Map<number, LiteralCheck[]>();
  const seconds = new Set<number>();
  const add = (index: number, check: LiteralCheck): void => {
    const list = lists.get(index);
    if (list === undefined) lists.set(index, [check]);
    else list.push(check);
  };
  const classAt = (literal: string, at: number): number =>
    classOf[literal.charCodeAt(at)] as number;
  for (const literal of literals) {
    const window = bestWindow(literal, (at) => {
      const index = (classAt(literal, at) << 12) | (classAt(literal, at + 1) << 6);
      return lists.get(index | (classOf[literal.charCodeAt(at + 2)] ?? 0))?.length ?? 0;
    });
    const pair = (classAt(literal, window) << 12) | (classAt(literal, window + 1) << 6);
    const check = { literal, window };
    for (const third of classesFrom(literal, window + 2, classOf)) {
      add(pair | third, check);
      const shifted = ((pair | third) << 6) & ((1 << trigramBits) - 1);
      for (const fourth of classesFrom(literal, window + 3, classOf)) seconds.add(shifted | fourth);
    }
  }
  return arranged(lists, seconds, classOf);
}

/** Of the byte at a place; past the end of the literal any. */
function classesFrom(literal: string, at: number, classOf: Uint8Array): readonly number[] {
  return at < literal.length ? [classOf[literal.charCodeAt(at)] as number] : allClasses;
}

export function encodeChecks(
  checks: readonly LiteralCheck[],
  rowOf: (literal: string) => number,
): Uint8Array {
  const records = checks.reduce((sum, check) => sum + recordsOf(check), 0);
  const bytes = new Uint8Array(records * recordBytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const check of checks) {
    const { literal, window } = check;
    for (let i = 0; i < literal.length; i++) {
      const byte = literal.charCodeAt(i);
      const to = at + Math.floor(i / wordBytes) * recordBytes + (i % wordBytes);
      bytes[to] = byte;
      bytes[to + 8] = 0xff;
      if (byte >= 0x61 && byte <= 0x7a) bytes[to + 16] = 0x20;
    }
    bytes[at + 24] = literal.length;
    bytes[at + 25] = window;
    view.setUint32(at + 28, rowOf(literal), true);
    at += recordsOf(check) * recordBytes;
  }
  return bytes;
}

const recordsOf = ({ literal }: LiteralCheck): number => Math.ceil(literal.length / wordBytes);

/** Checks one after the other, in the order of their bits. */
function arranged(
  lists: ReadonlyMap<number, readonly LiteralCheck[]>,
  seconds: ReadonlySet<number>,
  classOf: Uint8Array,
): Trigrams {
  const bits = new Uint8Array((1 << trigramBits) / 4);
  const ranks = new Uint16Array((1 << trigramBits) / 32);
  const checks: LiteralCheck[] = [];
  const checkLists: number[] = [];
  for (const index of seconds)
    bits[index >> 2] = (bits[index >> 2] as number) | (2 << ((index & 3) << 1));
  let counted = 0;
  let records = 0;
  for (const index of [...lists.keys()].sort((a, b) => a - b)) {
    for (; counted <= index >> 5; counted++) ranks[counted] = checkLists.length;
    bits[index >> 2] = (bits[index >> 2] as number) | (1 << ((index & 3) << 1));
    checkLists.push(records);
    for (const check of lists.get(index) ?? []) {
      checks.push(check);
      records += recordsOf(check);
    }
  }
  if (checkLists.length > 0xffff)
    throw new RangeError('more distinct literals than can be counted');
  return {
    classOf,
    bits,
    ranks,
    checkLists: Uint32Array.from([...checkLists, records]),
    checks,
  };
}

/** Where it is rare, and where few others are compared already. */
function bestWindow(literal: string, loadAt: (at: number) => number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at === 0 || at + windowBytes <= literal.length; at++) {
    let cost = 1 + loadAt(at);
    for (let i = at; i < at + windowBytes; i++) cost *= byteFrequency[literal.charCodeAt(i)] ?? 1;
    if (cost < least) {
      least = cost;
      best = at;
    }
  }
  return best;
}

/** The most frequent bytes of literals alone; where there are more than 63, the others share the last class. */
function classesOfLiterals(literals: readonly string[]): Uint8Array {
  const counts = new Map<number, number>();
  for (const literal of literals)
    for (let i = 0; i < literal.length; i++) {
      const byte = literal.charCodeAt(i);
      counts.set(byte, (counts.get(byte) ?? 0) + 1);
    }
  const classOf = new Uint8Array(256);
  [...counts]
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .forEach(([byte], rank) => {
      classOf[byte] = Math.min(rank + 1, classesMax - 1);
    });
  for (let byte = 0x41; byte <= 0x5a; byte++) classOf[byte] = classOf[byte + 32] as number;
  return classOf;
}
