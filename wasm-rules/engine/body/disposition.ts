/**
 * The Content-Disposition of a part (RFC 7578, section 4.2; RFC 2183), only what is understood: `form-data`, once
 * `name`, at most once `filename`, and `filename*` (RFC 5987) beside it, whose other name is inspected too. Every
 * other parameter is a failure with the number that ModSecurity gives it.
 */
import { arenaShrink, arenaTake } from '../arena';
import { BodyFlag, raiseFlag } from '../sink';
import { hexPair } from '../transform/digits';

export namespace Disposition {
  export let nameAt: usize = 0;
  export let nameLength: i32 = 0;
  export let fileAt: usize = 0;
  export let fileLength: i32 = 0;
  /** Of `filename*`. */
  export let otherAt: usize = 0;
  export let otherLength: i32 = 0;
}

let valueAt: usize = 0;
let valueLength: i32 = 0;
/** 0 for a bare word. */
let quote: u8 = 0;

/** 1, or the number of what is wrong. Addresses are 0 for what is absent. */
export function parseDisposition(at: usize, length: i32): i32 {
  const end = at + length;
  Disposition.nameAt = 0;
  Disposition.fileAt = 0;
  Disposition.otherAt = 0;
  // "form-dat" and "a": case matters.
  if (length < 9 || load<u64>(at) != 0x7461_642d_6d72_6f66 || load<u8>(at, 8) != 0x61) return -1;
  at = skipBlanks(at + 9, end);
  if (at == end) return 1;
  if (load<u8>(at) != 0x3b) return -2;
  at++;
  while (at < end) {
    at = skipBlanks(at, end);
    if (at == end) return -3;
    const word = at;
    while (at < end && load<u8>(at) != 0x3d && !isBlank(load<u8>(at))) at++;
    if (at == end) return -4;
    const wordLength = <i32>(at - word);
    at = skipBlanks(at, end);
    if (at == end) return -5;
    if (load<u8>(at) != 0x3d) return -13;
    at = skipBlanks(at + 1, end);
    if (at == end) return -6;
    const problem = readValue(at, end);
    if (problem < 0) return problem;
    at = valueEnd;
    const kept = keep(word, wordLength);
    if (kept < 0) return kept;
    at = skipBlanks(at, end);
    if (at == end) return 1;
    if (load<u8>(at) != 0x3b) {
      const before = load<u8>(at - 1);
      if (before == 0x22 || before == 0x27) raiseFlag(BodyFlag.multipartInvalidQuoting);
      return -12;
    }
    at++;
  }
  return 1;
}

let valueEnd: usize = 0;

function readValue(at: usize, end: usize): i32 {
  const first = load<u8>(at);
  quote = first == 0x22 || first == 0x27 ? first : 0;
  if (quote == 0) {
    valueAt = at;
    while (at < end && isTokenByte(load<u8>(at))) at++;
    valueLength = <i32>(at - valueAt);
    valueEnd = at;
    return 1;
  }
  if (quote == 0x27) raiseFlag(BodyFlag.multipartInvalidQuoting);
  at++;
  if (at == end) return -7;
  const into = arenaTake(<i32>(end - at));
  valueAt = into;
  let written = into;
  while (at < end && load<u8>(at) != quote) {
    if (load<u8>(at) == 0x5c) {
      if (at + 1 == end) return -8;
      // A backslash before anything but a quote and a backslash stays: old browsers send paths so.
      const next = load<u8>(at, 1);
      if (next == quote || next == 0x5c) at++;
    }
    store<u8>(written++, load<u8>(at++));
  }
  valueLength = <i32>(written - into);
  arenaShrink(into, valueLength);
  if (at == end) return -10;
  valueEnd = at + 1;
  return 1;
}

function keep(word: usize, length: i32): i32 {
  // "name", "filename", "filename*".
  if (length == 4 && load<u32>(word) == 0x656d_616e) {
    checkQuotes();
    if (Disposition.nameAt != 0) return -14;
    Disposition.nameAt = valueAt;
    Disposition.nameLength = valueLength;
    return 1;
  }
  const isFile = length >= 8 && load<u64>(word) == 0x656d_616e_656c_6966;
  if (isFile && length == 8) {
    checkQuotes();
    if (Disposition.fileAt != 0) return -15;
    Disposition.fileAt = valueAt;
    Disposition.fileLength = valueLength;
    return 1;
  }
  if (isFile && length == 9 && load<u8>(word, 8) == 0x2a && quote == 0) {
    if (Disposition.otherAt != 0) return -15;
    return keepExtended();
  }
  return -11;
}

/** `charset'language'percent-encoded`. */
function keepExtended(): i32 {
  const end = valueAt + valueLength;
  let at = valueAt;
  for (let quotes = 0; quotes < 2; at++) {
    if (at == end) return -11;
    if (load<u8>(at) == 0x27) quotes++;
  }
  const into = arenaTake(<i32>(end - at));
  let written = into;
  while (at < end) {
    const byte = load<u8>(at) == 0x25 && at + 2 < end ? hexPair(at + 1) : -1;
    store<u8>(written++, byte < 0 ? load<u8>(at) : byte);
    at += byte < 0 ? 1 : 3;
  }
  Disposition.otherAt = into;
  Disposition.otherLength = <i32>(written - into);
  arenaShrink(into, Disposition.otherLength);
  return 1;
}

/** A single quote in a value that double quotes do not enclose. */
function checkQuotes(): void {
  if (quote == 0x22) return;
  for (let i = 0; i < valueLength; i++)
    if (load<u8>(valueAt + i) == 0x27) raiseFlag(BodyFlag.multipartInvalidQuoting);
}

@inline
function isBlank(byte: u8): bool {
  return byte == 0x20 || byte == 0x09;
}

function skipBlanks(at: usize, end: usize): usize {
  while (at < end && isBlank(load<u8>(at))) at++;
  return at;
}

/** RFC 2045, section 5.1: no control bytes, no space, no tspecials. */
function isTokenByte(byte: u32): bool {
  if (byte <= 0x20 || byte >= 0x7f) return false;
  switch (byte) {
    case 0x22:
    case 0x28:
    case 0x29:
    case 0x2c:
    case 0x2f:
    case 0x3a:
    case 0x3b:
    case 0x3c:
    case 0x3d:
    case 0x3e:
    case 0x3f:
    case 0x40:
    case 0x5b:
    case 0x5c:
    case 0x5d:
      return false;
    default:
      return true;
  }
}
