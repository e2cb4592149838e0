/**
 * `decodeAll` — what a value says once everything that decodes text has had its turn, again and again until nothing
 * changes, eight times at most: `%HH` and `%uHHHH`; references of HTML; `\xHH`, `\uHHHH`, `\u{H…}` and `\OOO` that
 * begin with a digit of octal; UTF-8 that is longer than it has to be; base64 where the whole value is that, has 16
 * characters or more and says text.
 *
 * A layer is one pass, in place behind the copy: each escape is longer than what it stands for, so a layer that changed
 * something made the value shorter, and nothing ever grows. A `+` stays: whoever read the form has made a blank of it.
 * Escapes that begin no code (`\n`, `%zz`, `&co`) stay too, as paths and prose hold them.
 */
import { addToHash, addWords, emptyHash, kindOfHash } from '../inject/word-table';
import { base64Text } from './base64-text';
import { hexDigit, hexPair, isOctal } from './digits';
import { narrow } from './js-decode';

export const decodeLayersMax: i32 = 8;

export function decodeAll(from: usize, length: i32, into: usize): i32 {
  if (!isEscaped(from, length)) return openText(from, length, into);
  memory.copy(into, from, length);
  let left = length;
  for (let layer = 0; layer < decodeLayersMax; layer++) {
    let next = decodeLayer(into, left);
    if (next == left) next = base64Text(into, left, into);
    if (next < 0 || next == left) break;
    left = next;
  }
  return left == length ? -1 : left;
}

/** Base64 first, and then whatever is inside. */
function openText(from: usize, length: i32, into: usize): i32 {
  let left = base64Text(from, length, into);
  for (let layer = 1; layer < decodeLayersMax && left > 0; layer++) {
    let next = decodeLayer(into, left);
    if (next == left) next = base64Text(into, left, into);
    if (next < 0 || next == left) break;
    left = next;
  }
  return left;
}

/** Whether any byte may begin an escape. */
function isEscaped(at: usize, length: i32): bool {
  const end = at + length;
  const percents = i8x16.splat(0x25);
  const ampersands = i8x16.splat(0x26);
  const backslashes = i8x16.splat(0x5c);
  const leads = i8x16.splat(<i8>0xbf);
  for (; at + 16 <= end; at += 16) {
    const block = v128.load(at);
    const marks = v128.or(
      v128.or(i8x16.eq(block, percents), i8x16.eq(block, ampersands)),
      v128.or(i8x16.eq(block, backslashes), i8x16.gt_u(block, leads)),
    );
    if (v128.any_true(marks)) return true;
  }
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x25 || byte == 0x26 || byte == 0x5c || byte >= 0xc0) return true;
  }
  return false;
}

/** What the escape under way stands for. */
let decoded: u8 = 0;

/** In place; the new length. */
function decodeLayer(start: usize, length: i32): i32 {
  const end = start + length;
  let from = start;
  let into = start;
  while (from < end) {
    const byte = load<u8>(from);
    let next: usize = 0;
    if (byte == 0x25) next = percent(from, end);
    else if (byte == 0x26) next = reference(from, end);
    else if (byte == 0x5c) next = escape(from, end);
    else if (byte >= 0xc0) next = overlong(from, end);
    if (next == 0) {
      store<u8>(into++, byte);
      from++;
    } else {
      store<u8>(into++, decoded);
      from = next;
    }
  }
  return <i32>(into - start);
}

// Each of these: behind the escape that begins at `at`, or 0 where there is none.

function percent(at: usize, end: usize): usize {
  if (at + 2 >= end) return 0;
  if ((load<u8>(at, 1) | 0x20) == 0x75) return unit(at + 2, end);
  const byte = hexPair(at + 1);
  if (byte < 0) return 0;
  decoded = <u8>byte;
  return at + 3;
}

/** The four digits of a UTF-16 unit. */
function unit(at: usize, end: usize): usize {
  if (at + 4 > end) return 0;
  const high = hexPair(at);
  const low = hexPair(at + 2);
  if (high < 0 || low < 0) return 0;
  decoded = narrow(high, low);
  return at + 4;
}

function escape(at: usize, end: usize): usize {
  if (at + 1 >= end) return 0;
  const kind = load<u8>(at, 1);
  if (kind == 0x78 || kind == 0x58) {
    if (at + 4 > end || hexPair(at + 2) < 0) return 0;
    decoded = <u8>hexPair(at + 2);
    return at + 4;
  }
  if (kind == 0x75 || kind == 0x55)
    return at + 2 < end && load<u8>(at, 2) == 0x7b ? codePoint(at + 3, end) : unit(at + 2, end);
  // Three digits, or `\0` alone: `\1` is what a replacement says.
  if (at + 4 <= end && kind <= 0x33 && isOctal(kind) && isOctal(load<u8>(at, 2)) && isOctal(load<u8>(at, 3))) {
    decoded = <u8>(((kind - 0x30) << 6) | ((load<u8>(at, 2) - 0x30) << 3) | (load<u8>(at, 3) - 0x30));
    return at + 4;
  }
  if (kind != 0x30) return 0;
  decoded = 0;
  return at + 2;
}

/** The digits of `\u{…}`. */
function codePoint(at: usize, end: usize): usize {
  let value: u32 = 0;
  const first = at;
  for (; at < end; at++) {
    const digit = hexDigit(load<u8>(at));
    if (digit > 15) break;
    value = min<u32>((value << 4) | digit, 0x11_0000);
  }
  if (at == first || at >= end || load<u8>(at) != 0x7d) return 0;
  decoded = narrow(<i32>(value >> 8), <i32>(value & 0xff));
  return at + 1;
}

function overlong(at: usize, end: usize): usize {
  const lead: u32 = load<u8>(at);
  const bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
  if (bytes == 0 || at + bytes > end) return 0;
  let value: u32 = lead & (0xff >> (bytes + 1));
  for (let i = 1; i < bytes; i++) {
    const next: u32 = load<u8>(at + i);
    if ((next & 0xc0) != 0x80) return 0;
    value = (value << 6) | (next & 0x3f);
  }
  // Full-width forms say ASCII to whoever normalises.
  const isWide = value >= 0xff01 && value <= 0xff5e;
  if (value >= 0x80 && !isWide) return 0;
  decoded = <u8>(isWide ? value - 0xfee0 : value);
  return at + bytes;
}

function reference(at: usize, end: usize): usize {
  if (at + 1 < end && load<u8>(at, 1) == 0x23) return numeric(at + 2, end);
  let hash = emptyHash;
  const first = ++at;
  for (; at < end && at - first < 8; at++) {
    const letter: u32 = load<u8>(at) | 0x20;
    if (letter - 0x61 >= 26) break;
    hash = addToHash(hash, letter);
  }
  const isClosed = at < end && load<u8>(at) == 0x3b;
  const byte = at == first ? 0 : namedByte(hash);
  // Without a semicolon only the names of old, and no longer word that begins so.
  if (byte == 0 || (!isClosed && (byte & 0x100) == 0)) return 0;
  if (!isClosed && at < end && isNameByte(load<u8>(at))) return 0;
  decoded = <u8>byte;
  return isClosed ? at + 1 : at;
}

function numeric(at: usize, end: usize): usize {
  const isHex = at < end && (load<u8>(at) | 0x20) == 0x78;
  if (isHex) at++;
  const base: u32 = isHex ? 16 : 10;
  const first = at;
  let value: u32 = 0;
  for (; at < end; at++) {
    const digit = hexDigit(load<u8>(at));
    if (digit >= base) break;
    value = min<u32>(value * base + digit, 0x11_0000);
  }
  if (at == first || value > 0x10_ffff) return 0;
  decoded = narrow(<i32>(value >> 8), <i32>(value & 0xff));
  return at < end && load<u8>(at) == 0x3b ? at + 1 : at;
}

@inline
function isNameByte(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26 || byte == 0x3d;
}

const bits: i32 = 7;
const table: usize = memory.data(8 << bits, 16);
let isReady: bool = false;

/** The byte, with 0x100 where the semicolon may be missing; 0: another name. */
function namedByte(hash: u32): i32 {
  if (!isReady) fill();
  return kindOfHash(table, bits, hash);
}

function fill(): void {
  isReady = true;
  addWords(table, bits, 'lt', 0x13c, 0);
  addWords(table, bits, 'gt', 0x13e, 0);
  addWords(table, bits, 'amp', 0x126, 0);
  addWords(table, bits, 'quot', 0x122, 0);
  addWords(table, bits, 'nbsp', 0x120, 0);
  addWords(table, bits, 'apos', 0x27, 0);
  addWords(table, bits, 'tab', 0x09, 0);
  addWords(table, bits, 'newline', 0x0a, 0);
  addWords(table, bits, 'excl', 0x21, 0);
  addWords(table, bits, 'num', 0x23, 0);
  addWords(table, bits, 'dollar', 0x24, 0);
  addWords(table, bits, 'percnt', 0x25, 0);
  addWords(table, bits, 'lpar', 0x28, 0);
  addWords(table, bits, 'rpar', 0x29, 0);
  addWords(table, bits, 'ast midast', 0x2a, 0);
  addWords(table, bits, 'plus', 0x2b, 0);
  addWords(table, bits, 'comma', 0x2c, 0);
  addWords(table, bits, 'period', 0x2e, 0);
  addWords(table, bits, 'sol', 0x2f, 0);
  addWords(table, bits, 'colon', 0x3a, 0);
  addWords(table, bits, 'semi', 0x3b, 0);
  addWords(table, bits, 'equals', 0x3d, 0);
  addWords(table, bits, 'quest', 0x3f, 0);
  addWords(table, bits, 'commat', 0x40, 0);
  addWords(table, bits, 'lsqb lbrack', 0x5b, 0);
  addWords(table, bits, 'bsol', 0x5c, 0);
  addWords(table, bits, 'rsqb rbrack', 0x5d, 0);
  addWords(table, bits, 'hat', 0x5e, 0);
  addWords(table, bits, 'lowbar', 0x5f, 0);
  addWords(table, bits, 'grave', 0x60, 0);
  addWords(table, bits, 'lcub lbrace', 0x7b, 0);
  addWords(table, bits, 'vert verbar', 0x7c, 0);
  addWords(table, bits, 'rcub rbrace', 0x7d, 0);
}
