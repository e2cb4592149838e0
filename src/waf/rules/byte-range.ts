/** `@validateByteRange 10, 13, 32-126`: 256 bits, one for each byte that is allowed. */

export const byteMapBytes = 32;

export function byteRangeMap(text: string): Uint8Array {
  const map = new Uint8Array(byteMapBytes);
  for (const entry of text.split(',')) {
    const range = /^\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?$/.exec(entry);
    if (range === null) continue;
    const from = Number(range[1]);
    const to = Math.min(255, Number(range[2] ?? range[1]));
    for (let byte = from; byte <= to; byte++)
      map[byte >> 3] = (map[byte >> 3] ?? 0) | (1 << (byte & 7));
  }
  return map;
}
