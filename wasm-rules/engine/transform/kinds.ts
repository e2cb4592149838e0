/**
 * Kinds of bytes, 64 of them: what `canChange` asks about. Bytes that mean something to a transformation have a kind
 * of their own.
 */
export function kindOf(byte: u32): u32 {
  if (byte >= 0x80) return byte == 0xa0 ? 62 : 63;
  if (byte >= 0x61 && byte <= 0x7a) return byte == 0x78 ? 61 : 60;
  if (byte >= 0x41 && byte <= 0x5a) return byte == 0x58 ? 59 : 58;
  if (byte >= 0x20 && byte <= 0x40) return byte - 0x20 + 8;
  if (byte >= 0x5b && byte <= 0x60) return byte - 0x5b + 41;
  if (byte >= 0x7b) return byte - 0x7b + 47;
  if (byte >= 0x09 && byte <= 0x0d) return byte - 0x09 + 2;
  return byte == 0 ? 0 : 1;
}

export function kindBit(byte: u32): u64 {
  return (<u64>1) << kindOf(byte);
}

export function kindBitsOfRange(low: u32, high: u32): u64 {
  let bits: u64 = 0;
  for (let byte = low; byte <= high; byte++) bits |= kindBit(byte);
  return bits;
}
