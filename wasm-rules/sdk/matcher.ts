/**
 * Does this text match? Each question comes in two forms: against a literal (`text`, which for the
 * `IgnoreCase` ones is lower-case ASCII), and against bytes, for patterns that come from a configuration.
 * Nothing is allocated. For many words at once there is `TokenSet`, for many names `NameSet`.
 */
import { equalsIgnoreCase, toLower } from './bytes';
import { findByte } from './scan';

const star: u32 = 0x2a;
const questionMark: u32 = 0x3f;

/** True when the bytes are `text`, byte by byte. */
export function equals(at: usize, length: i32, text: string): bool {
  if (length != text.length) return false;
  const expected = changetype<usize>(text);
  for (let i = 0; i < length; i++) {
    if (load<u8>(at + i) != load<u16>(expected + ((<usize>i) << 1))) return false;
  }
  return true;
}

export function equalsBytes(at: usize, length: i32, otherAt: usize, otherLength: i32): bool {
  return length == otherLength && memory.compare(at, otherAt, length) == 0;
}

/** ASCII letters alike in either case, on both sides. */
export function equalsBytesIgnoreCase(
  at: usize,
  length: i32,
  otherAt: usize,
  otherLength: i32,
): bool {
  if (length != otherLength) return false;
  for (let i = 0; i < length; i++) {
    if (toLower(load<u8>(at + i)) != toLower(load<u8>(otherAt + i))) return false;
  }
  return true;
}

export function startsWith(at: usize, length: i32, text: string): bool {
  return length >= text.length && equals(at, text.length, text);
}

export function startsWithBytes(at: usize, length: i32, prefixAt: usize, prefixLength: i32): bool {
  return length >= prefixLength && memory.compare(at, prefixAt, prefixLength) == 0;
}

export function endsWith(at: usize, length: i32, text: string): bool {
  return length >= text.length && equals(at + (length - text.length), text.length, text);
}

export function endsWithIgnoreCase(at: usize, length: i32, text: string): bool {
  return length >= text.length && equalsIgnoreCase(at + (length - text.length), text.length, text);
}

export function endsWithBytes(at: usize, length: i32, suffixAt: usize, suffixLength: i32): bool {
  return (
    length >= suffixLength &&
    memory.compare(at + (length - suffixLength), suffixAt, suffixLength) == 0
  );
}

/** The address of the first `text` in the bytes, or 0. */
export function find(at: usize, length: i32, text: string): usize {
  const size = text.length;
  if (size == 0) return at;
  const end = at + length;
  if (length < size) return 0;
  const first = <u8>text.charCodeAt(0);
  const last = end - size;
  while (true) {
    at = findByte(at, end, first);
    if (at > last) return 0;
    if (equals(at, size, text)) return at;
    at++;
  }
}

/** As `find`, with ASCII letters in either case; `text` is lower case. */
export function findIgnoreCase(at: usize, length: i32, text: string): usize {
  const size = text.length;
  if (size == 0) return at;
  if (length < size) return 0;
  const first = <u32>text.charCodeAt(0);
  for (const last = at + (length - size); at <= last; at++) {
    if (toLower(load<u8>(at)) == first && equalsIgnoreCase(at, size, text)) return at;
  }
  return 0;
}

export function findBytes(at: usize, length: i32, otherAt: usize, otherLength: i32): usize {
  if (otherLength == 0) return at;
  if (length < otherLength) return 0;
  const end = at + length;
  const first = load<u8>(otherAt);
  const last = end - otherLength;
  while (true) {
    at = findByte(at, end, first);
    if (at > last) return 0;
    if (memory.compare(at, otherAt, otherLength) == 0) return at;
    at++;
  }
}

export function contains(at: usize, length: i32, text: string): bool {
  return text.length == 0 || find(at, length, text) != 0;
}

export function containsIgnoreCase(at: usize, length: i32, text: string): bool {
  return text.length == 0 || findIgnoreCase(at, length, text) != 0;
}

export function containsBytes(at: usize, length: i32, otherAt: usize, otherLength: i32): bool {
  return otherLength == 0 || findBytes(at, length, otherAt, otherLength) != 0;
}

/**
 * `*` stands for any bytes, `?` for one; there is no escape. At most length × pattern steps: when a part
 * behind a star fails, only that star takes one byte more (the stars before it have done their best).
 */
export function globBytes(
  at: usize,
  length: i32,
  patternAt: usize,
  patternLength: i32,
  ignoreCase: bool = false,
): bool {
  const end = at + length;
  const patternEnd = patternAt + patternLength;
  let starPattern: usize = 0;
  let starText: usize = 0;
  while (at < end) {
    const wanted: u32 = patternAt < patternEnd ? load<u8>(patternAt) : 0;
    if (patternAt < patternEnd && wanted == star) {
      starPattern = ++patternAt;
      starText = at;
      continue;
    }
    if (patternAt < patternEnd && (wanted == questionMark || same(load<u8>(at), wanted, ignoreCase))) {
      at++;
      patternAt++;
      continue;
    }
    if (starPattern == 0) return false;
    at = ++starText;
    patternAt = starPattern;
  }
  while (patternAt < patternEnd && load<u8>(patternAt) == star) patternAt++;
  return patternAt == patternEnd;
}

/** As `globBytes`, with a literal; it is ASCII. */
export function glob(at: usize, length: i32, pattern: string): bool {
  const end = at + length;
  const units = changetype<usize>(pattern);
  const count = pattern.length;
  let place = 0;
  let starPlace = -1;
  let starText: usize = 0;
  while (at < end) {
    const wanted: u32 = place < count ? load<u16>(units + ((<usize>place) << 1)) : 0;
    if (place < count && wanted == star) {
      starPlace = ++place;
      starText = at;
      continue;
    }
    if (place < count && (wanted == questionMark || load<u8>(at) == wanted)) {
      at++;
      place++;
      continue;
    }
    if (starPlace < 0) return false;
    at = ++starText;
    place = starPlace;
  }
  while (place < count && load<u16>(units + ((<usize>place) << 1)) == star) place++;
  return place == count;
}

@inline
function same(byte: u32, wanted: u32, ignoreCase: bool): bool {
  return byte == wanted || (ignoreCase && toLower(byte) == toLower(wanted));
}
