/**
 * The boundary of a `multipart/form-data` body, out of its Content-Type, as strictly as ModSecurity 2 reads it:
 * browsers and origins disagree on odd ones, and a boundary that two readers see differently hides parts.
 *
 * One thing more than the reference takes: a `charset` parameter beside the boundary, which Java's clients send.
 */
import { BodyFlag, raiseFlag } from '../sink';
import { isSpace } from '../transform/plain';
import { fail } from './failure';

/** `--` and the boundary lie here. */
export const delimiter: usize = memory.data(128, 16);
export let delimiterLength: i32 = 0;
/** RFC 2046, section 5.1.1. */
const boundaryBytesMax: i32 = 70;
const typeBytesMax: i32 = 1024;
const typeName: string = 'multipart/form-data';

export function readBoundary(at: usize, length: i32): bool {
  if (length == 0) return fail('Multipart parsing error: Multipart: Content-Type header not available.');
  if (length > typeBytesMax)
    return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (length).');
  let end = at + length;
  if (!startsWith(at, end, typeName))
    return fail('Multipart parsing error: Multipart: Invalid MIME type.');
  const named = countBoundaries(at, end);
  if (named > 1)
    return fail('Multipart parsing error: Multipart: Multiple boundary parameters in C-T.');
  let word = at + typeName.length;
  while (word < end && !isBoundaryWord(word, end)) word++;
  if (word >= end) {
    if (named > 0)
      return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (case sensitivity).');
    return fail('Multipart parsing error: Multipart: Boundary not found in C-T.');
  }
  if (!readBefore(skipCharset(at + typeName.length, word), word)) return false;
  let value = word + 8;
  for (; value < end && load<u8>(value) != 0x3d; value++) {
    if (!isSpace(load<u8>(value)))
      return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (parameter name).');
    raiseFlag(BodyFlag.multipartBoundaryWhitespace);
  }
  if (value >= end)
    return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (malformed).');
  value++;
  end = beforeCharset(value, end);
  if (value < end && isSpace(load<u8>(value))) raiseFlag(BodyFlag.multipartBoundaryWhitespace);
  return readValue(value, end);
}

/** Nothing but white space and one semicolon between the type and the parameter. */
function readBefore(at: usize, word: usize): bool {
  let semicolons = 0;
  for (; at < word; at++) {
    const byte = load<u8>(at);
    if (isSpace(byte)) continue;
    if (byte != 0x3b || ++semicolons > 1)
      return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (malformed).');
  }
  if (semicolons == 0) raiseFlag(BodyFlag.multipartMissingSemicolon);
  return true;
}

function readValue(value: usize, end: usize): bool {
  const opens = value < end && load<u8>(value) == 0x22;
  const closes = end > value + 1 && load<u8>(end - 1) == 0x22;
  if (opens != closes)
    return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (quote).');
  if (opens) {
    raiseFlag(BodyFlag.multipartBoundaryQuoted);
    value++;
    end--;
  }
  const length = <i32>(end - value);
  if (countBoundaries(value, end) != 0)
    return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (content).');
  for (let at = value; at < end; at++)
    if (!isBoundaryByte(load<u8>(at)) && !(load<u8>(at) == 0x20 && at + 1 < end))
      return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (characters).');
  if (length == 0) return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (empty).');
  if (length > boundaryBytesMax)
    return fail('Multipart parsing error: Multipart: Invalid boundary in C-T (length).');
  store<u16>(delimiter, 0x2d2d);
  memory.copy(delimiter + 2, value, length);
  delimiterLength = length + 2;
  return true;
}

function isBoundaryByte(byte: u32): bool {
  if (byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26) return true;
  // ' ( ) + , - . / : = ? _
  return byte >= 0x27 && byte <= 0x2f ? byte != 0x2a : byte == 0x3a || byte == 0x3d || byte == 0x3f || byte == 0x5f;
}

/** Behind `; charset=token`, if it stands there. */
function skipCharset(at: usize, end: usize): usize {
  const start = at;
  while (at < end && isSpace(load<u8>(at))) at++;
  if (at >= end || load<u8>(at) != 0x3b) return start;
  at++;
  while (at < end && isSpace(load<u8>(at))) at++;
  if (!startsWith(at, end, 'charset=')) return start;
  at += 8;
  while (at < end && isCharsetByte(load<u8>(at))) at++;
  return at;
}

/** The end of the boundary: where `; charset=token` ends the field, before it. */
function beforeCharset(value: usize, end: usize): usize {
  let semicolon = value;
  while (semicolon < end && load<u8>(semicolon) != 0x3b) semicolon++;
  if (semicolon >= end || skipCharset(semicolon, end) != end || end - semicolon < 10) return end;
  return semicolon;
}

function isCharsetByte(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26 || byte == 0x2d || byte == 0x5f;
}

/** How often `boundary` stands there in any case with an `=` somewhere behind it. */
function countBoundaries(at: usize, end: usize): i32 {
  let count = 0;
  let lastEquals = end;
  while (lastEquals > at && load<u8>(lastEquals - 1) != 0x3d) lastEquals--;
  for (; at + 8 < lastEquals; at++) if (startsWith(at, end, 'boundary')) count++;
  return count;
}

function isBoundaryWord(at: usize, end: usize): bool {
  // "boundary", eight bytes.
  return at + 8 <= end && load<u64>(at) == 0x7972_6164_6e75_6f62;
}

/** Without case; `word` is in lower case. */
function startsWith(at: usize, end: usize, word: string): bool {
  if (at + word.length > end) return false;
  for (let i = 0; i < word.length; i++) {
    const byte: u32 = load<u8>(at + i);
    const lower = byte - 0x41 < 26 ? byte | 0x20 : byte;
    if (lower != word.charCodeAt(i)) return false;
  }
  return true;
}
