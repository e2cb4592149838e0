/**
 * `base64Decode`, `base64DecodeExt`, `base64Encode` (RFC 4648, section 4).
 *
 * `base64Decode` stops at the first byte that is no digit of the alphabet, padding included, and drops bits that
 * make no whole byte. `base64DecodeExt` skips such bytes, as PHP does, so that noise strewn in hides nothing; one
 * `=` after the first digit of a group means that there is nothing to decode.
 */
const letters: usize = memory.data<u8>([
  65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90,
  97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117,
  118, 119, 120, 121, 122, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 43, 47,
]);

/** 0 to 63, or more for what is no digit. */
@inline
function digitOf(byte: u32): u32 {
  const letter = (byte | 0x20) - 0x61;
  if (letter < 26) return byte & 0x20 ? letter + 26 : letter;
  const digit = byte - 0x30;
  if (digit < 10) return digit + 52;
  if (byte == 0x2b) return 62;
  return byte == 0x2f ? 63 : 0xff;
}

export function base64Decode(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let bits: u32 = 0;
  let count = 0;
  for (; from < end; from++) {
    const digit = digitOf(load<u8>(from));
    if (digit > 63) break;
    bits = (bits << 6) | digit;
    if ((++count & 3) == 0) into = put3(into, bits);
  }
  return <i32>(putRest(into, bits, count & 3) - start);
}

export function base64DecodeExt(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let bits: u32 = 0;
  let count = 0;
  for (; from < end; from++) {
    const byte = load<u8>(from);
    if (byte == 0x3d) {
      const next = from + 1 < end ? load<u8>(from, 1) : 0;
      if (next != 0x3d && (count & 3) == 1) return 0;
      continue;
    }
    const digit = digitOf(byte);
    if (digit > 63) continue;
    bits = (bits << 6) | digit;
    if ((++count & 3) == 0) into = put3(into, bits);
  }
  return <i32>(putRest(into, bits, count & 3) - start);
}

export function base64Encode(from: usize, length: i32, into: usize): i32 {
  if (length == 0) return -1;
  const start = into;
  const whole = from + (length / 3) * 3;
  for (; from < whole; from += 3, into += 4) {
    const bits = (<u32>load<u8>(from) << 16) | (<u32>load<u8>(from, 1) << 8) | load<u8>(from, 2);
    store<u8>(into, load<u8>(letters + (bits >> 18)));
    store<u8>(into, load<u8>(letters + ((bits >> 12) & 63)), 1);
    store<u8>(into, load<u8>(letters + ((bits >> 6) & 63)), 2);
    store<u8>(into, load<u8>(letters + (bits & 63)), 3);
  }
  const rest = length % 3;
  if (rest > 0) {
    const bits = (<u32>load<u8>(from) << 16) | (rest == 2 ? <u32>load<u8>(from, 1) << 8 : 0);
    store<u8>(into, load<u8>(letters + (bits >> 18)));
    store<u8>(into, load<u8>(letters + ((bits >> 12) & 63)), 1);
    store<u8>(into, rest == 2 ? load<u8>(letters + ((bits >> 6) & 63)) : 0x3d, 2);
    store<u8>(into, 0x3d, 3);
    into += 4;
  }
  return <i32>(into - start);
}

@inline
function put3(into: usize, bits: u32): usize {
  store<u8>(into, bits >> 16);
  store<u8>(into, bits >> 8, 1);
  store<u8>(into, bits, 2);
  return into + 3;
}

/** Of two digits one byte, of three two, of one none. */
function putRest(into: usize, bits: u32, digits: i32): usize {
  if (digits == 2) {
    store<u8>(into, bits >> 4);
    return into + 1;
  }
  if (digits == 3) {
    store<u8>(into, bits >> 10);
    store<u8>(into, bits >> 2, 1);
    return into + 2;
  }
  return into;
}
