/** UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */

/** Bytes of the sequence at `at` (its first byte is not ASCII); 0 for an invalid or cut one. */
export function sequenceSize(at: usize, end: usize): i32 {
  const first: u32 = load<u8>(at);
  const left = <i32>(end - at);
  if (first < 0xc2 || first > 0xf4 || left < 2) return 0;
  const second: u32 = load<u8>(at, 1);
  if (first < 0xe0) return isContinuation(second) ? 2 : 0;
  if (left < 3 || !isContinuation(load<u8>(at, 2))) return 0;
  if (first < 0xf0) {
    const low: u32 = first == 0xe0 ? 0xa0 : 0x80;
    const high: u32 = first == 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high ? 3 : 0;
  }
  if (left < 4 || !isContinuation(load<u8>(at, 3))) return 0;
  const low: u32 = first == 0xf0 ? 0x90 : 0x80;
  const high: u32 = first == 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high ? 4 : 0;
}

/** Writes a code point; bytes written. */
export function putPoint(into: usize, point: u32): i32 {
  if (point < 0x80) {
    store<u8>(into, point);
    return 1;
  }
  if (point < 0x800) {
    store<u8>(into, 0xc0 | (point >> 6));
    store<u8>(into, 0x80 | (point & 0x3f), 1);
    return 2;
  }
  if (point < 0x10000) {
    store<u8>(into, 0xe0 | (point >> 12));
    store<u8>(into, 0x80 | ((point >> 6) & 0x3f), 1);
    store<u8>(into, 0x80 | (point & 0x3f), 2);
    return 3;
  }
  store<u8>(into, 0xf0 | (point >> 18));
  store<u8>(into, 0x80 | ((point >> 12) & 0x3f), 1);
  store<u8>(into, 0x80 | ((point >> 6) & 0x3f), 2);
  store<u8>(into, 0x80 | (point & 0x3f), 3);
  return 4;
}

@inline
function isContinuation(byte: u32): bool {
  return (byte & 0xc0) == 0x80;
}
