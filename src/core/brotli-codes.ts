/** The prefix codes of brotli (RFC 7932, section 3) and the numbers that are written with them. */
import { type BitReader, type PrefixCode, prefixCodeOf } from './bit-reader.ts';

/** One symbol alone needs no bits. */
export type Code = PrefixCode | number;
export type Lacking = 'more' | 'bad';

export const symbolOf = (reader: BitReader, code: Code): number =>
  typeof code === 'number' ? code : reader.symbol(code);

/** -1 and -2 of a reader. */
export const lackingOf = (found: number): Lacking => (found === -1 ? 'more' : 'bad');

/** A number from 1 to 256; -1 where bits are missing. */
export function takeCount(reader: BitReader): number {
  const more = reader.take(1);
  if (more <= 0) return more < 0 ? -1 : 1;
  const bits = reader.take(3);
  const rest = bits < 0 ? -1 : reader.take(bits);
  return rest < 0 ? -1 : 1 + (1 << bits) + rest;
}

export function takeCode(reader: BitReader, alphabet: number): Code | Lacking {
  const kind = reader.take(2);
  if (kind < 0) return 'more';
  return kind === 1 ? simpleCode(reader, alphabet) : complexCode(reader, alphabet, kind);
}

/** One to four symbols, each written down. */
function simpleCode(reader: BitReader, alphabet: number): Code | Lacking {
  const count = reader.take(2) + 1;
  if (count === 0) return 'more';
  const bits = 32 - Math.clz32(alphabet - 1);
  const symbols: number[] = [];
  for (let i = 0; i < count; i++) {
    const symbol = reader.take(bits);
    if (symbol < 0) return 'more';
    if (symbol >= alphabet || symbols.includes(symbol)) return 'bad';
    symbols.push(symbol);
  }
  const [first = 0, second = 0, ...others] = symbols;
  const ascending = (a: number, b: number): number => a - b;
  if (count === 1) return first;
  if (count === 2) return shortCode(symbols.sort(ascending), [1, 1]);
  if (count === 3) return shortCode([first, ...symbols.slice(1).sort(ascending)], [1, 2, 2]);
  const isSkewed = reader.take(1);
  if (isSkewed < 0) return 'more';
  return isSkewed === 1
    ? shortCode([first, second, ...others.sort(ascending)], [1, 2, 3, 3])
    : shortCode(symbols.sort(ascending), [2, 2, 2, 2]);
}

/** In the order of their codes. Small, as a hostile head may hold a code every third byte. */
function shortCode(symbols: readonly number[], lengths: readonly number[]): PrefixCode {
  const longest = lengths.at(-1) as number;
  const short = new Uint16Array(1 << longest);
  let code = 0;
  for (let i = 0; i < symbols.length; i++) {
    const length = lengths[i] as number;
    let reversed = 0;
    for (let bit = 0; bit < length; bit++) reversed |= ((code >> (longest - 1 - bit)) & 1) << bit;
    for (let at = reversed; at < short.length; at += 1 << length)
      short[at] = ((symbols[i] as number) << 4) | length;
    code += 1 << (longest - length);
  }
  return { short, counts: noCounts, symbols: noCounts };
}

/** The lengths of all codes, in a code of their own, of which `skipped` lengths are left out. */
function complexCode(reader: BitReader, alphabet: number, skipped: number): Code | Lacking {
  const lengthLengths = new Uint8Array(18);
  let space = 32;
  let used = 0;
  let only = 0;
  for (let i = skipped; i < 18 && space > 0; i++) {
    const length = lengthOfLength(reader);
    if (length < 0) return 'more';
    const symbol = lengthOrder[i] as number;
    lengthLengths[symbol] = length;
    if (length === 0) continue;
    space -= 32 >> length;
    used++;
    only = symbol;
  }
  if (used !== 1 && space !== 0) return 'bad';
  const lengthCode = used === 1 ? only : prefixCodeOf(lengthLengths, false);
  if (lengthCode === null) return 'bad';
  const lengths = takeLengths(reader, lengthCode, alphabet);
  if (typeof lengths === 'string') return lengths;
  return prefixCodeOf(lengths, false) ?? 'bad';
}

function takeLengths(reader: BitReader, code: Code, alphabet: number): Uint8Array | Lacking {
  const lengths = new Uint8Array(alphabet);
  let space = 32_768;
  let previous = 8;
  let repeats = 0;
  let repeated = 0;
  for (let at = 0; at < alphabet && space > 0; ) {
    const symbol = symbolOf(reader, code);
    if (symbol < 0) return lackingOf(symbol);
    if (symbol < 16) {
      repeats = 0;
      lengths[at++] = symbol;
      if (symbol === 0) continue;
      previous = symbol;
      space -= 32_768 >> symbol;
      continue;
    }
    const bits = symbol - 14;
    const extra = reader.take(bits);
    if (extra < 0) return 'more';
    const length = symbol === 16 ? previous : 0;
    if (repeated !== length) repeats = 0;
    repeated = length;
    const before = repeats;
    // One repetition behind another makes it longer by as many times.
    repeats = (before > 0 ? (before - 2) << bits : 0) + extra + 3;
    const fresh = repeats - before;
    if (at + fresh > alphabet) return 'bad';
    lengths.fill(length, at, at + fresh);
    at += fresh;
    if (length > 0) space -= fresh << (15 - length);
  }
  return space === 0 ? lengths : 'bad';
}

/** From 0 to 5; -1 where bits are missing. */
function lengthOfLength(reader: BitReader): number {
  const two = reader.take(2);
  if (two < 3) return two < 0 ? -1 : ([0, 4, 3][two] as number);
  const third = reader.take(1);
  if (third <= 0) return third < 0 ? -1 : 2;
  const fourth = reader.take(1);
  return fourth < 0 ? -1 : fourth === 0 ? 1 : 5;
}

const lengthOrder = [1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const noCounts = new Uint16Array(16);
