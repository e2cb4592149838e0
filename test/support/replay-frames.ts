/**
 * HTTP/2 as a replay needs it: the server's frames, and the status in a header block. Reads no other
 * field; a status that stands in the dynamic table is given as -1.
 */
export type Frame = {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
};

export const frameType = { headers: 1, reset: 3, goAway: 7 } as const;

/** Frames from the front of `bytes`, and what is left. */
export function readFrames(bytes: Buffer): { readonly frames: Frame[]; readonly rest: Buffer } {
  const frames: Frame[] = [];
  let at = 0;
  while (bytes.length - at >= 9) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

/** RFC 7541 appendix A, entries 8 to 14. */
const staticStatus = [200, 204, 206, 304, 400, 404, 500];

/** `:status`, which a server sends first (RFC 9113 section 8.3). */
export function statusOfBlock(block: Buffer): number {
  let at = 0;
  // Changes of the table's size come before the first field.
  while (((block[at] ?? 0) & 0xe0) === 0x20) {
    const isLong = ((block[at] ?? 0) & 0x1f) === 0x1f;
    at++;
    while (isLong && ((block[at++] ?? 0) & 0x80) !== 0);
  }
  const first = block[at] ?? 0;
  if ((first & 0x80) !== 0) return staticStatus[(first & 0x7f) - 8] ?? -1;
  const name = (first & 0xc0) === 0x40 ? first & 0x3f : first & 0x0f;
  if (name < 8 || name > 14) return -1;
  const length = block[at + 1] ?? 0;
  const value = block.subarray(at + 2, at + 2 + (length & 0x7f));
  return Number((length & 0x80) === 0 ? value.toString('latin1') : huffmanDigits(value));
}

/** Digits only: `0` to `2` are 00000 to 00010, `3` to `9` are 011001 to 011111 (RFC 7541 appendix B). */
function huffmanDigits(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let digits = '';
  while (digits.length < 3 && bits.length >= 5) {
    const five = Number.parseInt(bits.slice(0, 5), 2);
    if (five <= 2) {
      digits += five;
      bits = bits.slice(5);
      continue;
    }
    digits += Number.parseInt(bits.slice(0, 6), 2) - 0b011001 + 3;
    bits = bits.slice(6);
  }
  return digits;
}
