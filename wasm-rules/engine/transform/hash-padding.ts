/** The end of a message as MD5 and SHA-1 want it: a bit, zeros, the length in bits. */

/** One or two blocks of 64 bytes. */
export const padded: usize = memory.data(128, 16);

/** Puts the last, not whole block of a message of `length` bytes there, padded. Bytes written: 64 or 128. */
export function paddedBlocks(rest: usize, length: i32, isBigEndian: bool): i32 {
  const size = length & 63;
  const bytes = size < 56 ? 64 : 128;
  memory.copy(padded, rest, size);
  memory.fill(padded + size, 0, bytes - size);
  store<u8>(padded + size, 0x80);
  const bits = <u64>length << 3;
  store<u64>(padded + bytes - 8, isBigEndian ? bswap<u64>(bits) : bits);
  return bytes;
}
