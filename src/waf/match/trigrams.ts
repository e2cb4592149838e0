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
 *
 * All of that but the literals and their places is the guest's to make: it would travel, and be kept, for nothing.
 */
import { literalFrequency } from './literal-frequency.ts';

export const trigramBits = 18;
const classesMax = 64;
const allClasses = Array.from({ length: classesMax }, (_, number) => number);
const windowBytes = 3;
/** Of a literal in one record. */
const wordBytes = 8;
/** Ranks of the guest have 16 bits. */
const indexesMax = 0xffff;

export type Trigrams = {
  /** 256 entries. */
  readonly classOf: Uint8Array;
  readonly literals: readonly PlacedLiteral[];
  /** Distinct sets of three. */
  readonly indexes: number;
  /** Over all of them, how many literals have these three. */
  readonly checks: number;
  readonly records: number;
};

export type PlacedLiteral = { readonly literal: string; readonly window: number };

/** Literals of two to sixteen bytes, in lower case. Throws `RangeError` past 65,535 distinct sets of three. */
export function placeLiterals(literals: readonly string[]): Trigrams {
  const classOf = classesOfLiterals(literals);
  const loads = new Map<number, number>();
  const indexesOf = (literal: string, at: number): readonly number[] => {
    const classAt = (place: number): number => classOf[literal.charCodeAt(place)] as number;
    const pair = (classAt(at) << 12) | (classAt(at + 1) << 6);
    // Past the end of the literal any.
    const thirds = at + 2 < literal.length ? [classAt(at + 2)] : allClasses;
    return thirds.map((third) => pair | third);
  };
  const placed = literals.map((literal) => {
    const window = bestWindow(literal, (at) => loads.get(indexesOf(literal, at)[0] ?? 0) ?? 0);
    for (const index of indexesOf(literal, window)) loads.set(index, (loads.get(index) ?? 0) + 1);
    return { literal, window };
  });
  const checks = [...loads.values()].reduce((sum, load) => sum + load, 0);
  const records = literals.reduce((sum, { length }) => sum + Math.ceil(length / wordBytes), 0);
  if (loads.size > indexesMax) throw new RangeError('more distinct literals than can be counted');
  return { classOf, literals: placed, indexes: loads.size, checks, records };
}

/** Where it is rare, with the byte behind that is asked for too, and where few others are compared already. */
function bestWindow(literal: string, loadAt: (at: number) => number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at === 0 || at + windowBytes <= literal.length; at++) {
    const cost = (1 + loadAt(at)) * literalFrequency(literal.slice(at, at + windowBytes + 1));
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
