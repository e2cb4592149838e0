/** Sets of bytes, as patterns name them: 256 flags. ASCII only, whatever the locale says. */
export type ByteSet = Uint8Array;

export function setOf(holds: (byte: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => (holds(byte) ? 1 : 0));
}

export function setOfByte(byte: number): ByteSet {
  const set = new Uint8Array(256);
  set[byte] = 1;
  return set;
}

export function complementOf(set: ByteSet): ByteSet {
  return set.map((flag) => 1 - flag);
}

export function addSet(into: ByteSet, other: ByteSet): void {
  for (let byte = 0; byte < 256; byte++) if (other[byte] === 1) into[byte] = 1;
}

/** With the other case of each ASCII letter. */
export function withBothCases(set: ByteSet): ByteSet {
  const both = set.slice();
  for (let byte = 0x41; byte <= 0x5a; byte++)
    if (set[byte] === 1 || set[byte + 32] === 1) both[byte] = both[byte + 32] = 1;
  return both;
}

export function bytesOf(set: ByteSet): readonly number[] {
  const bytes: number[] = [];
  for (let byte = 0; byte < 256; byte++) if (set[byte] === 1) bytes.push(byte);
  return bytes;
}

/** A key for maps. */
export function keyOf(set: ByteSet): string {
  return String.fromCharCode(...set);
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isUpper = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isLower = (byte: number): boolean => byte >= 0x61 && byte <= 0x7a;
const isAlpha = (byte: number): boolean => isUpper(byte) || isLower(byte);
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 9 && byte <= 13);
export const isWord = (byte: number): boolean => isAlpha(byte) || isDigit(byte) || byte === 0x5f;

export const anyByte = setOf(() => true);
export const notNewline = setOf((byte) => byte !== 10);

/** `\d`, `\h`… without UTF: 0xA0 and 0x85 are bytes like others, and PCRE2 counts them so. */
export const escapeSets: Readonly<Record<string, ByteSet>> = {
  d: setOf(isDigit),
  w: setOf(isWord),
  s: setOf(isSpace),
  h: setOf((byte) => byte === 9 || byte === 0x20 || byte === 0xa0),
  v: setOf((byte) => (byte >= 10 && byte <= 13) || byte === 0x85),
};

/** PCRE2's tables of the C locale. */
export const posixSets: Readonly<Record<string, ByteSet>> = {
  alpha: setOf(isAlpha),
  lower: setOf(isLower),
  upper: setOf(isUpper),
  alnum: setOf((byte) => isAlpha(byte) || isDigit(byte)),
  ascii: setOf((byte) => byte < 0x80),
  blank: setOf((byte) => byte === 9 || byte === 0x20),
  cntrl: setOf((byte) => byte < 0x20 || byte === 0x7f),
  digit: setOf(isDigit),
  graph: setOf((byte) => byte > 0x20 && byte < 0x7f),
  print: setOf((byte) => byte >= 0x20 && byte < 0x7f),
  punct: setOf((byte) => byte > 0x20 && byte < 0x7f && !isAlpha(byte) && !isDigit(byte)),
  space: setOf(isSpace),
  word: setOf(isWord),
  xdigit: setOf(
    (byte) => isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66),
  ),
};
