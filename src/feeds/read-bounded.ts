/** A body of another machine, whole or not at all. */

/** Throws where it is longer. */
export async function readBounded(
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > bytesMax) throw new Error(`is longer than ${bytesMax} bytes (bytesMax)`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
