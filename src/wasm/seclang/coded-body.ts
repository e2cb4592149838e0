/**
 * A request body taken out of its Content-Encoding, so that rules see what the origin will see. At most two codings, one
 * inside the other, and never more bytes than are asked for: what expands beyond that is a bomb, and is refused.
 */
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

export type Decoded = Buffer | 'too-long' | 'unreadable';

const codingsMax = 2;

/** `codings` is the value of the field, in the order they were applied. */
export function decodeBody(codings: string, bytes: Buffer, bytesMax: number): Decoded {
  const names = codings
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length > codingsMax) return 'unreadable';
  let decoded = bytes;
  for (const name of names.toReversed()) {
    const layer = decodeLayer(name, decoded, bytesMax);
    if (typeof layer === 'string') return layer;
    decoded = layer;
  }
  return decoded;
}

function decodeLayer(name: string, bytes: Buffer, bytesMax: number): Decoded {
  const options = { maxOutputLength: bytesMax };
  try {
    if (name === 'gzip' || name === 'x-gzip') return gunzipSync(bytes, options);
    if (name === 'br') return brotliDecompressSync(bytes, options);
    // Some senders leave the frame of zlib out, and some origins take that: the low bits of the first byte tell.
    if (name === 'deflate')
      return ((bytes[0] ?? 0) & 15) === 8
        ? inflateSync(bytes, options)
        : inflateRawSync(bytes, options);
    return 'unreadable';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      ? 'too-long'
      : 'unreadable';
  }
}
