/** Digits of the bases that escapes are written in; ASCII, whatever the locale. */

/** 0 to 15, or a number above 15 for what is none. */
@inline
export function hexDigit(byte: u32): u32 {
  const digit = byte - 0x30;
  if (digit < 10) return digit;
  const letter = (byte | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : 0xff;
}

@inline
export function isHex(byte: u32): bool {
  return hexDigit(byte) < 16;
}

/** The value of two digits, or -1. */
@inline
export function hexPair(at: usize): i32 {
  const high = hexDigit(load<u8>(at));
  const low = hexDigit(load<u8>(at, 1));
  return (high | low) > 15 ? -1 : <i32>((high << 4) | low);
}

@inline
export function isOctal(byte: u32): bool {
  return byte - 0x30 < 8;
}

/** Address of the lower case digits 0 to f. */
@lazy
export const hexLetters: usize = memory.data<u8>([
  0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
]);

/** Two lower case digits. */
@inline
export function putHex(into: usize, byte: u32): void {
  store<u8>(into, load<u8>(hexLetters + (byte >> 4)));
  store<u8>(into, load<u8>(hexLetters + (byte & 15)), 1);
}
