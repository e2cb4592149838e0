/** Operators that look at how a value is written; each is true where something is wrong with it. */
import { sequenceSize } from '../body/utf8';
import { hexPair } from '../transform/digits';

/** `validateByteRange`: 256 bits at `allowed`, lowest first; true for a byte whose bit is clear. */
export function hasByteOutside(at: usize, length: i32, allowed: usize): bool {
  const end = at + length;
  for (; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (!((load<u8>(allowed + (byte >> 3)) >> (byte & 7)) & 1)) return true;
  }
  return false;
}

/** `validateUrlEncoding`: a `%` without two hex digits behind it. */
export function hasBadUrlEncoding(at: usize, length: i32): bool {
  const end = at + length;
  while (at < end) {
    if (load<u8>(at) != 0x25) {
      at++;
      continue;
    }
    if (at + 2 >= end || hexPair(at + 1) < 0) return true;
    at += 3;
  }
  return false;
}

/** `validateUtf8Encoding`: RFC 3629; overlong forms, surrogates and what lies beyond U+10FFFF are wrong. */
export function hasBadUtf8(at: usize, length: i32): bool {
  const end = at + length;
  while (at < end) {
    if (at + 16 <= end && !v128.any_true(i8x16.lt_s(v128.load(at), i8x16.splat(0)))) {
      at += 16;
      continue;
    }
    if (load<u8>(at) < 0x80) {
      at++;
      continue;
    }
    const size = sequenceSize(at, end);
    if (size == 0) return true;
    at += size;
  }
  return false;
}
