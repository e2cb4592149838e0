/** Comparing bytes: ASCII only, without tables and without allocation. */

/** Characters compared at once. */
const lanes: i32 = 8;

export function isLetter(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26;
}

export function isDigit(byte: u32): bool {
  return byte - 0x30 < 10;
}

export function isAlphanumeric(byte: u32): bool {
  return isLetter(byte) || isDigit(byte);
}

export function toLower(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}

/** The value of a hexadecimal digit, or -1. */
export function hexValue(byte: u32): i32 {
  if (byte - 0x30 < 10) return <i32>byte - 0x30;
  const letter = (byte | 0x20) - 0x61;
  return letter < 6 ? <i32>letter + 10 : -1;
}

/** True when the bytes are `text`, whatever their case. `text` is lower-case ASCII. */
export function equalsIgnoreCase(at: usize, length: i32, text: string): bool {
  if (length != text.length) return false;
  const expected = changetype<usize>(text);
  if (length < lanes) {
    for (let i = 0; i < length; i++) {
      if (toLower(load<u8>(at + i)) != load<u16>(expected + ((<usize>i) << 1))) return false;
    }
    return true;
  }
  // Nearly every name that is none of those asked for ends here, without vectors.
  if (toLower(load<u8>(at)) != load<u16>(expected)) return false;
  // The last step overlaps the one before it, so nothing behind the bytes is read.
  const last = length - lanes;
  for (let i = 0; i < last; i += lanes) if (!sameLanes(at, expected, i)) return false;
  return sameLanes(at, expected, last);
}

/** Eight bytes against eight characters of UTF-16, from place `i` on. */
@inline
function sameLanes(at: usize, expected: usize, i: i32): bool {
  const bytes = v128.load8x8_u(at + i);
  const fromA = i16x8.sub(bytes, i16x8.splat(0x41));
  // Unsigned "less than 26": the smaller of it and 25 is itself.
  const isUpper = i16x8.eq(i16x8.min_u(fromA, i16x8.splat(25)), fromA);
  const lower = v128.or(bytes, v128.and(isUpper, i16x8.splat(0x20)));
  const wanted = v128.load(expected + ((<usize>i) << 1));
  return !v128.any_true(v128.xor(lower, wanted));
}

/** True when the bytes begin with `text`, whatever their case. `text` is lower-case ASCII. */
export function startsWithIgnoreCase(at: usize, length: i32, text: string): bool {
  return length >= text.length && equalsIgnoreCase(at, text.length, text);
}
