/**
 * Thousands of literals, looked for at once without an automaton: of each literal the three rarest neighbours
 * (bytes in 63 classes, letters without case) set one bit of 2^18. At each byte of a subject the last three
 * classes are one index, and mostly the bit is not set. No step waits for a load of the one before, which is what
 * makes Aho and Corasick's automaton slow, and the bits of ordinary text stay in the first cache.
 *
 * Where a bit is set, its number among the set ones leads to the literals that have these three, which are compared
 * whole, eight bytes at a time. A literal of two bytes sets the bits of all third ones; behind the end of a
 * subject stands class 0, which is that of bytes in no literal.
 */
import { byteFrequency } from './byte-frequency.ts';

export const trigramBits = 18;
const classesMax = 64;
const windowBytes = 3;

export type Trigrams = {
  /** 256 entries. */
  readonly classOf: Uint8Array;
  readonly bits: Uint8Array;
  readonly ranks: Uint16Array;
  readonly checkLists: Uint32Array;
  readonly checks: readonly LiteralCheck[];
};

export type LiteralCheck = { readonly literal: string; readonly window: number };

/** Literals of two to eight bytes, in lower case. */
export function buildTrigrams(literals: readonly string[]): Trigrams {
  const classOf = classesOfLiterals(literals);
  const lists = new Map<number, LiteralCheck[]>();
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
    if (literal.length >= windowBytes) add(pair | classAt(literal, window + 2), check);
    else for (let third = 0; third < classesMax; third++) add(pair | third, check);
  }
  return arranged(lists, classOf);
}

export function encodeChecks(
  checks: readonly LiteralCheck[],
  rowOf: (literal: string) => number,
): Uint8Array {
  const bytes = new Uint8Array(checks.length * 32);
  const view = new DataView(bytes.buffer);
  checks.forEach(({ literal, window }, index) => {
    const at = index * 32;
    for (let i = 0; i < literal.length; i++) {
      const byte = literal.charCodeAt(i);
      bytes[at + i] = byte;
      bytes[at + 8 + i] = 0xff;
      if (byte >= 0x61 && byte <= 0x7a) bytes[at + 16 + i] = 0x20;
    }
    bytes[at + 24] = literal.length;
    bytes[at + 25] = window;
    view.setUint32(at + 28, rowOf(literal), true);
  });
  return bytes;
}

/** Checks one after the other, in the order of their bits. */
function arranged(
  lists: ReadonlyMap<number, readonly LiteralCheck[]>,
  classOf: Uint8Array,
): Trigrams {
  const bits = new Uint8Array((1 << trigramBits) / 8);
  const ranks = new Uint16Array((1 << trigramBits) / 64);
  const checks: LiteralCheck[] = [];
  const checkLists: number[] = [];
  for (let index = 0; index < 1 << trigramBits; index++) {
    if ((index & 63) === 0) ranks[index >> 6] = checkLists.length;
    const list = lists.get(index);
    if (list === undefined) continue;
    bits[index >> 3] = (bits[index >> 3] as number) | (1 << (index & 7));
    checkLists.push(checks.length);
    checks.push(...list);
  }
  if (checkLists.length > 0xffff)
    throw new RangeError('more distinct literals than can be counted');
  return {
    classOf,
    bits,
    ranks,
    checkLists: Uint32Array.from([...checkLists, checks.length]),
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
