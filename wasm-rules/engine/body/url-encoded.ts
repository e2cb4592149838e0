/**
 * Query strings and `application/x-www-form-urlencoded` bodies, as ModSecurity 2 reads them: pairs between
 * separators, name and value at the first `=`, `+` and `%HH` decoded, an invalid escape kept and flagged. An empty
 * pair (`a&&b`) is an argument without name and value.
 *
 * Names and values without an escape are not copied; a decoded one goes to the arena.
 */
import { arenaShrink, arenaTake } from '../arena';
import { BodyFlag, raiseFlag } from '../sink';
import { clearInvalidEscapes, invalidEscapes, urlDecode } from '../transform/url';
import { emitArgument } from './arguments';

const equals: u8 = 0x3d;
const percent: u8 = 0x25;
const plus: u8 = 0x2b;

/** `collection` is that of the sink; `separator` of `SecArgumentSeparator`. */
export function parseUrlEncoded(at: usize, length: i32, collection: i32, separator: u8): void {
  const end = at + length;
  clearInvalidEscapes();
  while (at < end) {
    const nameEnd = findEnd(at, end, separator, equals);
    const name = decoded(at, nameEnd);
    const nameLength = decodedLength;
    let value: usize = nameEnd;
    let valueLength = 0;
    at = nameEnd + 1;
    if (nameEnd < end && load<u8>(nameEnd) == equals) {
      const valueEnd = findEnd(at, end, separator, separator);
      value = decoded(at, valueEnd);
      valueLength = decodedLength;
      at = valueEnd + 1;
    }
    if (!emitArgument(collection, name, nameLength, value, valueLength)) break;
  }
  if (invalidEscapes > 0) raiseFlag(BodyFlag.urlencodedError);
}

/** `findEnd` came over a `%` or a `+`. */
let hasEscape: bool = false;
let decodedLength: i32 = 0;

function decoded(at: usize, end: usize): usize {
  const length = <i32>(end - at);
  decodedLength = length;
  if (!hasEscape) return at;
  const into = arenaTake(length + 16);
  const written = urlDecode(at, length, into);
  arenaShrink(into, max(written, 0));
  if (written < 0) return at;
  decodedLength = written;
  return into;
}

/** Where one of the two stops stands, or the end. */
function findEnd(at: usize, end: usize, stop: u8, other: u8): usize {
  hasEscape = false;
  while (at + 16 <= end) {
    const block = v128.load(at);
    const escapes = i8x16.bitmask(
      v128.or(i8x16.eq(block, i8x16.splat(percent)), i8x16.eq(block, i8x16.splat(plus))),
    );
    const stops = i8x16.bitmask(
      v128.or(i8x16.eq(block, i8x16.splat(stop)), i8x16.eq(block, i8x16.splat(other))),
    );
    if (stops != 0) {
      const offset = ctz(stops);
      if (escapes & ((1 << offset) - 1)) hasEscape = true;
      return at + offset;
    }
    if (escapes != 0) hasEscape = true;
    at += 16;
  }
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == stop || byte == other) break;
    if (byte == percent || byte == plus) hasEscape = true;
  }
  return at;
}
