/** `parityEven7bit`, `parityOdd7bit`, `parityZero7bit`: the eighth bit made a parity bit, or cleared. */
export function parity(from: usize, length: i32, into: usize, odd: u32): i32 {
  let changed = false;
  for (let i = 0; i < length; i++) {
    const byte: u32 = load<u8>(from + i);
    // As the reference counts: over all eight bits, so a byte with its eighth bit set gets the other parity.
    const bit = (popcnt(byte) ^ odd) & 1;
    const result = bit ? byte | 0x80 : byte & 0x7f;
    if (result != byte) changed = true;
    store<u8>(into + i, result);
  }
  return changed ? length : -1;
}

export function parityZero(from: usize, length: i32, into: usize): i32 {
  let changed = false;
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(from + i);
    if (byte > 0x7f) changed = true;
    store<u8>(into + i, byte & 0x7f);
  }
  return changed ? length : -1;
}
