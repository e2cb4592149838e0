/**
 * Maps of header fields as proxy-wasm passes them: how many, the lengths of all names and values, then
 * each of them with a zero byte behind it.
 *
 * ```
 * n │ (name length, value length)×n │ name 0 value 0 name 0 value 0 …      words are little-endian u32
 * ```
 */

/** Name and value, latin1: a byte is a character, whatever it means. */
export type Pair = readonly [name: string, value: string];

/** Fields of one map, as a guest may hand it over; a head has no more. */
export const pairsMax = 256;
/** Bytes of one map, as a guest may hand it over. */
export const pairBytesMax = 65_536;

export function serialisedBytes(pairs: readonly Pair[]): number {
  let bytes = 4;
  for (const [name, value] of pairs) bytes += 8 + name.length + 1 + value.length + 1;
  return bytes;
}

export function serialisePairs(pairs: readonly Pair[]): Buffer {
  const bytes = Buffer.alloc(serialisedBytes(pairs));
  bytes.writeUInt32LE(pairs.length, 0);
  let word = 4;
  let at = 4 + pairs.length * 8;
  for (const [name, value] of pairs) {
    bytes.writeUInt32LE(name.length, word);
    bytes.writeUInt32LE(value.length, word + 4);
    word += 8;
    at += bytes.write(name, at, 'latin1') + 1;
    at += bytes.write(value, at, 'latin1') + 1;
  }
  return bytes;
}

/** Null for what is no map or larger than the bounds. Names come out in lower case. */
export function parsePairs(bytes: Buffer): Pair[] | null {
  // An empty map is nothing at all, or a single zero byte.
  if (bytes.length === 0 || (bytes.length === 1 && bytes[0] === 0)) return [];
  if (bytes.length < 4 || bytes.length > pairBytesMax) return null;
  const count = bytes.readUInt32LE(0);
  if (count > pairsMax || 4 + count * 8 > bytes.length) return null;
  const pairs: Pair[] = [];
  let at = 4 + count * 8;
  for (let word = 4; word < 4 + count * 8; word += 8) {
    const nameEnd = at + bytes.readUInt32LE(word);
    const valueEnd = nameEnd + 1 + bytes.readUInt32LE(word + 4);
    // Beyond the end there is no zero byte either.
    if (bytes[nameEnd] !== 0 || bytes[valueEnd] !== 0) return null;
    pairs.push([
      bytes.toString('latin1', at, nameEnd).toLowerCase(),
      bytes.toString('latin1', nameEnd + 1, valueEnd),
    ]);
    at = valueEnd + 1;
  }
  return pairs;
}
