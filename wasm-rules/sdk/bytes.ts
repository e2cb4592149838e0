/** Comparing bytes: ASCII only, without tables and without allocation. */

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
  for (let i = 0; i < length; i++) {
    if (toLower(load<u8>(at + i)) != load<u16>(expected + ((<usize>i) << 1))) return false;
  }
  return true;
}

/** True when the bytes begin with `text`, whatever their case. `text` is lower-case ASCII. */
export function startsWithIgnoreCase(at: usize, length: i32, text: string): bool {
  return length >= text.length && equalsIgnoreCase(at, text.length, text);
}
