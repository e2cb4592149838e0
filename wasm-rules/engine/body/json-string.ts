/**
 * One string of a JSON text (RFC 8259, section 7). Without an escape it is not copied; escapes are decoded into the
 * arena, a lone half of a surrogate pair to `?`. Raw control bytes and bad UTF-8 are failures.
 */
import { arenaShrink, arenaTake } from '../arena';
import { hexPair } from '../transform/digits';
import { putPoint, sequenceSize } from './utf8';

export namespace JsonString {
  export let at: usize = 0;
  export let length: i32 = 0;
}

export namespace StringProblem {
  export const controlByte: i32 = -1;
  export const badUtf8: i32 = -2;
  export const badEscape: i32 = -3;
  export const unfinished: i32 = -4;
}

let problem: i32 = 0;

export function stringProblem(): i32 {
  return problem;
}

/** `at` is behind the opening quote. Returns behind the closing one, or 0. */
export function readJsonString(at: usize, end: usize): usize {
  const start = at;
  while (at < end) {
    at = skipPlain(at, end);
    if (at >= end) break;
    const byte = load<u8>(at);
    if (byte == 0x22) {
      JsonString.at = start;
      JsonString.length = <i32>(at - start);
      return at + 1;
    }
    if (byte == 0x5c) return readEscaped(start, at, end);
    const size = byte < 0x80 ? 0 : sequenceSize(at, end);
    if (size == 0) return refuse(byte < 0x80 ? StringProblem.controlByte : StringProblem.badUtf8);
    at += size;
  }
  return refuse(StringProblem.unfinished);
}

function readEscaped(start: usize, at: usize, end: usize): usize {
  // A decoded string is never longer than its text; how long that is, its closing quote tells.
  const close = closingQuote(at, end);
  if (close == 0) return refuse(StringProblem.unfinished);
  const into = arenaTake(<i32>(close - start) + 16);
  let written = into + (at - start);
  memory.copy(into, start, at - start);
  while (at < close) {
    const byte = load<u8>(at);
    if (byte == 0x5c) {
      at = putEscape(at, close, written);
      if (at == 0) return refuse(StringProblem.badEscape);
      written += escapeBytes;
      continue;
    }
    if (byte < 0x20) return refuse(StringProblem.controlByte);
    const size = byte < 0x80 ? 1 : sequenceSize(at, close);
    if (size == 0) return refuse(StringProblem.badUtf8);
    for (let i = 0; i < size; i++) store<u8>(written++, load<u8>(at++));
  }
  JsonString.at = into;
  JsonString.length = <i32>(written - into);
  arenaShrink(into, JsonString.length);
  return close + 1;
}

function closingQuote(at: usize, end: usize): usize {
  while (at < end) {
    const byte = load<u8>(at);
    if (byte == 0x22) return at;
    at += byte == 0x5c ? 2 : 1;
  }
  return 0;
}

let escapeBytes: i32 = 0;

/** Behind the escape, or 0. */
function putEscape(at: usize, end: usize, into: usize): usize {
  escapeBytes = 1;
  if (at + 1 >= end) return 0;
  const letter = load<u8>(at, 1);
  switch (letter) {
    case 0x22:
    case 0x2f:
    case 0x5c:
      store<u8>(into, letter);
      return at + 2;
    case 0x62:
      store<u8>(into, 0x08);
      return at + 2;
    case 0x66:
      store<u8>(into, 0x0c);
      return at + 2;
    case 0x6e:
      store<u8>(into, 0x0a);
      return at + 2;
    case 0x72:
      store<u8>(into, 0x0d);
      return at + 2;
    case 0x74:
      store<u8>(into, 0x09);
      return at + 2;
    case 0x75:
      break;
    default:
      return 0;
  }
  const unit = unitAt(at, end);
  if (unit < 0) return 0;
  at += 6;
  let point = <u32>unit;
  if (point - 0xd800 < 0x800) {
    const low = point < 0xdc00 ? unitAt(at, end) : -1;
    if (low >= 0xdc00 && low < 0xe000) {
      point = 0x10000 + ((point - 0xd800) << 10) + (<u32>low - 0xdc00);
      at += 6;
    } else point = 0x3f;
  }
  escapeBytes = putPoint(into, point);
  return at;
}

/** The four digits of `\uHHHH`, or -1. */
function unitAt(at: usize, end: usize): i32 {
  if (at + 6 > end || load<u16>(at) != 0x755c) return -1;
  const high = hexPair(at + 2);
  const low = hexPair(at + 4);
  return high < 0 || low < 0 ? -1 : (high << 8) | low;
}

function refuse(words: i32): usize {
  problem = words;
  return 0;
}

/** To the next quote, backslash, control or non-ASCII byte. */
function skipPlain(at: usize, end: usize): usize {
  while (at + 16 <= end) {
    const block = v128.load(at);
    const marks = v128.or(i8x16.eq(block, i8x16.splat(0x22)), i8x16.eq(block, i8x16.splat(0x5c)));
    // Signed: high bytes are below zero, so one comparison finds them and the controls.
    const found = i8x16.bitmask(v128.or(marks, i8x16.lt_s(block, i8x16.splat(0x20))));
    if (found != 0) return at + ctz(found);
    at += 16;
  }
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x22 || byte == 0x5c || <i8>byte < 0x20) break;
  }
  return at;
}
