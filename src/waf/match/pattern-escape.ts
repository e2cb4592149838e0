/** What follows a backslash, as PCRE2 reads it (pcre2pattern(3), "Backslash"). */
import { type ByteSet, complementOf, escapeSets, notNewline } from './byte-set.ts';
import type { PatternReader } from './pattern-reader.ts';
import type { Assertion } from './syntax-tree.ts';

export type Escape =
  | { readonly kind: 'byte'; readonly byte: number }
  | { readonly kind: 'set'; readonly set: ByteSet }
  | { readonly kind: 'assertion'; readonly assertion: Assertion };

const controls: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 };

const assertions: Readonly<Record<string, Assertion>> = {
  A: 'start',
  // The place where matching began: always the start here.
  G: 'start',
  z: 'end',
  b: 'wordBoundary',
  B: 'notWordBoundary',
};

/** Known, and not for a matcher of regular languages over bytes. */
const refused: Readonly<Record<string, string>> = {
  K: '\\K (a reset of the start of the match) is not supported; take it out',
  R: '\\R is an atomic group, which is not regular; write (?:\\r\\n|[\\n\\v\\f\\r\\x85])',
  X: '\\X needs Unicode, and subjects are bytes',
  Z: '\\Z is not supported; write \\z, or \\n?\\z to allow a newline before the end',
  g: '\\g is a back-reference or a call of a group, which is not regular',
  k: '\\k is a back-reference, which is not regular',
  p: '\\p needs Unicode, and subjects are bytes; write the set of bytes',
  P: '\\P needs Unicode, and subjects are bytes; write the set of bytes',
  N: '\\N with a name, or in a class, is not supported; write [^\\n]',
  L: '\\L is not supported',
  l: '\\l is not supported',
  U: '\\U is not supported',
  u: '\\u is not supported; write \\x{hh} for a byte',
};

/** Of the text behind the backslash, which is taken already. */
export function readEscape(reader: PatternReader, inClass: boolean): Escape {
  const offset = reader.at - 1;
  if (reader.isAtEnd) reader.fail('a backslash ends the pattern', offset);
  const letter = reader.take();
  if (!/[0-9A-Za-z]/.test(letter)) return { kind: 'byte', byte: letter.charCodeAt(0) };
  const control = controls[letter];
  if (control !== undefined) return { kind: 'byte', byte: control };
  if (/[0-9]/.test(letter)) return readDigits(reader, letter, inClass, offset);
  if (letter === 'x') return { kind: 'byte', byte: readHex(reader, offset) };
  if (letter === 'o') return { kind: 'byte', byte: readBraced(reader, 8, 'o', offset) };
  if (letter === 'c') return { kind: 'byte', byte: readControl(reader, offset) };
  const set = escapeSets[letter];
  if (set !== undefined) return { kind: 'set', set };
  const opposite = escapeSets[letter.toLowerCase()];
  if (opposite !== undefined) return { kind: 'set', set: complementOf(opposite) };
  if (letter === 'b' && inClass) return { kind: 'byte', byte: 8 };
  if (!inClass) {
    // In braces stands how often, or else a name.
    if (letter === 'N' && !/^\{(?!\d+(?:,\d*)?\})/.test(reader.ahead(24)))
      return { kind: 'set', set: notNewline };
    if (letter === 'C') return { kind: 'set', set: new Uint8Array(256).fill(1) };
    const assertion = assertions[letter];
    if (assertion !== undefined) return { kind: 'assertion', assertion };
  }
  const words = refused[letter] ?? `\\${letter} means nothing${inClass ? ' inside a class' : ''}`;
  return reader.fail(words, offset);
}

function readDigits(
  reader: PatternReader,
  first: string,
  inClass: boolean,
  offset: number,
): Escape {
  if (first !== '0' && !inClass) {
    const digits = first + (reader.takeMatch(/[0-9]*/y)?.[0] ?? '');
    const number = Number(digits);
    if (number < 10 || first >= '8' || number <= reader.groups)
      reader.fail(`\\${digits} is a back-reference, which is not regular`, offset);
    reader.at = offset + 2;
  }
  if (first >= '8') return { kind: 'byte', byte: first.charCodeAt(0) };
  const byte = Number.parseInt(first + (reader.takeMatch(/[0-7]{0,2}/y)?.[0] ?? ''), 8);
  if (byte > 255) reader.fail('an octal number over \\377 is no byte', offset);
  return { kind: 'byte', byte };
}

function readHex(reader: PatternReader, offset: number): number {
  if (reader.peek() === '{') return readBraced(reader, 16, 'x', offset);
  return Number.parseInt(`0${reader.takeMatch(/[0-9A-Fa-f]{0,2}/y)?.[0] ?? ''}`, 16);
}

function readBraced(reader: PatternReader, base: 8 | 16, letter: string, offset: number): number {
  const digits = reader.takeMatch(base === 16 ? /\{([0-9A-Fa-f]+)\}/y : /\{([0-7]+)\}/y)?.[1];
  if (digits === undefined)
    return reader.fail(`\\${letter} wants digits in braces: \\${letter}{…}`, offset);
  const byte = Number.parseInt(digits, base);
  if (byte > 255) reader.fail(`\\${letter}{${digits}} is no byte: subjects are bytes`, offset);
  return byte;
}

function readControl(reader: PatternReader, offset: number): number {
  const letter = reader.take();
  if (!/[\x20-\x7e]/.test(letter)) reader.fail('\\c wants a printable character', offset);
  return letter.toUpperCase().charCodeAt(0) ^ 0x40;
}
