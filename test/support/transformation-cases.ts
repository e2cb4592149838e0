/**
 * Cases of `seclang/transformations` whose expectation is not what ModSecurity 2 does, each with the reason; and
 * the transformations once more, as naive as they come, to compare with.
 */
import { createHash } from 'node:crypto';

/** By file and input. */
export const quirks: Readonly<Record<string, string>> = {
  'cssDecode: test\\a\\b\\f\\n\\r\\t\\v\\?\\\'\\"\\\0\\12\\123\\1234\\12345\\123456\\ff01\\ff5e\\\n\\\0  string':
    'the last escape was `\\0`, which takes one space with it; when the cases became JSON it turned into a NUL',
  'escapeSeqDecode: \\8\\9\\666\\xag\\xga\\0123':
    'expects the backslash of an invalid \\x to stay, where the reference drops it: in its own test the text is read as an escape on both sides',
  'phpArgsNames: a_b.c': 'a transformation of ModSecurity 3 alone',
  'phpArgsNames: a_b c d_': 'a transformation of ModSecurity 3 alone',
  'phpArgsNames: a_[b][ ]c d_': 'a transformation of ModSecurity 3 alone',
  'phpArgsNames: ][ ': 'a transformation of ModSecurity 3 alone',
};

/** Text is bytes, a character for each. */
type Naive = (text: string) => string;

const byte = (value: number): string => String.fromCharCode(value & 255);
const hex = (digits: string): number => Number.parseInt(digits, 16);
const controls: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const control = (letter: string): string => controls[letter] ?? letter;
const narrow = (digits: string): string => {
  const low = hex(digits.slice(-2));
  const isFull = /^ff$/i.test(digits.slice(-4, -2)) && /^0*$/.test(digits.slice(0, -4));
  return byte(isFull && low > 0 && low < 0x5f ? low + 0x20 : low);
};
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const digest =
  (name: string): Naive =>
  (text) =>
    createHash(name).update(bytesOf(text)).digest('latin1');
const entity = (text: string, names: string | undefined): string =>
  ({ quot: '"', amp: '&', lt: '<', gt: '>', nbsp: '\xa0' })[names?.toLowerCase() ?? ''] ?? text;
const reference = (digits: string, base: 16n | 10n): string => {
  const value = BigInt(base === 16n ? `0x${digits}` : digits);
  return byte(Number((value > 2n ** 63n - 1n ? 255n : value) & 255n));
};

export const naive: Readonly<Record<string, Naive>> = {
  base64Decode: (text) => {
    const digits = /^[A-Za-z0-9+/]*/.exec(text)?.[0] ?? '';
    return Buffer.from(
      digits.slice(0, digits.length - (digits.length % 4 === 1 ? 1 : 0)),
      'base64',
    ).toString('latin1');
  },
  base64Encode: (text) => bytesOf(text).toString('base64'),
  compressWhitespace: (text) => text.replace(/[\t-\r \xa0]+/g, ' '),
  cssDecode: (text) =>
    text.replace(
      /\\([0-9a-f]{1,6})[\t-\r ]?|\\\n|\\([\s\S])|\\$/gi,
      (_all, digits?: string, letter?: string) =>
        digits === undefined
          ? (letter ?? '')
          : digits.length < 4
            ? byte(hex(digits))
            : narrow(digits),
    ),
  escapeSeqDecode: (text) =>
    text.replace(
      /\\x([0-9a-f]{2})|\\([0-7]{1,3})|\\([\s\S])/gi,
      (_all, digits?: string, octal?: string, letter?: string) =>
        digits !== undefined
          ? byte(hex(digits))
          : octal !== undefined
            ? byte(Number.parseInt(octal, 8))
            : control(letter ?? ''),
    ),
  hexEncode: (text) => bytesOf(text).toString('hex'),
  htmlEntityDecode: (text) =>
    text.replace(
      /&#x([0-9a-f]+);?|&#([0-9]+);?|&(quot|amp|lt|gt|nbsp)(?![a-z0-9]);?/gi,
      (all: string, hexadecimal?: string, decimal?: string, name?: string) =>
        hexadecimal !== undefined
          ? reference(hexadecimal, 16n)
          : decimal !== undefined
            ? reference(decimal, 10n)
            : entity(all, name),
    ),
  jsDecode: (text) =>
    text.replace(
      /\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([0-3][0-7]{0,2}|[4-7][0-7]?)|\\([\s\S])/g,
      (_all, unit?: string, digits?: string, octal?: string, letter?: string) =>
        unit !== undefined
          ? narrow(unit)
          : digits !== undefined
            ? byte(hex(digits))
            : octal !== undefined
              ? byte(Number.parseInt(octal, 8))
              : control(letter ?? ''),
    ),
  length: (text) => String(text.length),
  lowercase: (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
  md5: digest('md5'),
  removeCommentsChar: (text) => text.replace(/\/\*|\*\/|<!--|-->|--|#/g, ''),
  removeNulls: (text) => text.replaceAll('\0', ''),
  removeWhitespace: (text) => text.replace(/[\t-\r \xa0]+/g, ''),
  replaceComments: (text) => text.replace(/\/\*[\s\S]*?(?:\*\/|$)/g, ' '),
  replaceNulls: (text) => text.replaceAll('\0', ' '),
  sha1: digest('sha1'),
  sqlHexDecode: (text) =>
    text.replace(/0x((?:[0-9a-f]{2})+)/gi, (_all, digits: string) =>
      Buffer.from(digits, 'hex').toString('latin1'),
    ),
  trim: (text) => text.replace(/^[\t-\r ]+|[\t-\r ]+$/g, ''),
  trimLeft: (text) => text.replace(/^[\t-\r ]+/, ''),
  trimRight: (text) => text.replace(/[\t-\r ]+$/, ''),
  uppercase: (text) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase()),
  urlDecode: (text) =>
    text.replace(/%([0-9a-f]{2})|\+/gi, (_all, digits?: string) =>
      digits === undefined ? ' ' : byte(hex(digits)),
    ),
  urlDecodeUni: (text) =>
    text.replace(/%u([0-9a-f]{4})|%([0-9a-f]{2})|\+/gi, (_all, unit?: string, digits?: string) =>
      unit !== undefined ? narrow(unit) : digits !== undefined ? byte(hex(digits)) : ' ',
    ),
  urlEncode: (text) =>
    text.replace(/[^A-Za-z0-9*]/g, (letter) =>
      letter === ' ' ? '+' : `%${bytesOf(letter).toString('hex')}`,
    ),
};
