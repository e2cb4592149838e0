/**
 * A piece of batches as one member hands it to another.
 *
 * ```
 * "WP" | version 1 | n | next (n bytes, 0 for none) | ( length (4 bytes) | batch )*
 * ```
 *
 * It is not signed: each batch in it is, by whoever issued it, so it matters little who hands it on.
 */

export type BatchPiece = {
  readonly batches: readonly Uint8Array[];
  /** Where the next piece goes on; null with the last. */
  readonly next: string | null;
};

/** Below what the server takes (1 MiB), also when one batch of the longest kind is in it. */
export const pieceBytesMax = 400 * 1_024;
const messageBytesMax = 1_048_576;
const batchesMax = 10_000;
const headBytes = 4;
const version = 1;

export function encodePiece({ batches, next }: BatchPiece): Uint8Array {
  const cursor = Buffer.from(next ?? '', 'latin1');
  const parts: Uint8Array[] = [Buffer.from([0x57, 0x50, version, cursor.length]), cursor];
  for (const batch of batches) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(batch.length);
    parts.push(length, batch);
  }
  return Buffer.concat(parts);
}

/** Null where it is not exactly one. */
export function parsePiece(bytes: Uint8Array): BatchPiece | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < headBytes || view.length > messageBytesMax) return null;
  if (view[0] !== 0x57 || view[1] !== 0x50 || view[2] !== version) return null;
  let at = headBytes + view.readUInt8(3);
  if (at > view.length) return null;
  const next = view.toString('latin1', headBytes, at);
  const batches: Uint8Array[] = [];
  while (at < view.length) {
    if (at + 4 > view.length || batches.length === batchesMax) return null;
    const end = at + 4 + view.readUInt32BE(at);
    if (end > view.length) return null;
    batches.push(view.subarray(at + 4, end));
    at = end;
  }
  return { batches, next: next === '' ? null : next };
}
