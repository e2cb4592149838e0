/** Bodies made and taken in a stream, so that a gigabyte costs the shop one chunk of memory. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

export const streamedBytesMax = 2 * 1024 ** 3;
const chunkBytes = 64 * 1024;

/** Byte `i` is `i % 251`: a prime, so that no repeat of it falls in step with any buffer size. */
const period = 251;
const pattern = Buffer.from(
  Uint8Array.from({ length: chunkBytes + period }, (_, index) => index % period),
);

/** `bytes` bytes of the pattern; pauses when nobody reads. */
export function patternStream(bytes: number): Readable {
  let sent = 0;
  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      if (sent >= bytes) {
        this.push(null);
        return;
      }
      const start = sent % period;
      const length = Math.min(chunkBytes, bytes - sent);
      sent += length;
      // The pattern is never written to after it is made, so every chunk may share it.
      this.push(pattern.subarray(start, start + length));
    },
  });
}

export type Digest = { readonly bytes: number; readonly sha256: string };

export async function digestStream(body: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}
