/**
 * A request body taken out of its Content-Encoding, so that rules see what the origin will see. At most two codings, one
 * inside the other, and never more bytes than are asked for: what expands beyond that is a bomb, and is refused. Where
 * a route looks at the beginning alone, the beginning is decoded, as far as it goes.
 */
import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib';

export type Decoded = Buffer | 'too-long' | 'unreadable';

const codingsMax = 2;

/** `codings` is the value of the field, in the order they were applied. */
export function decodeBody(codings: string, bytes: Buffer, bytesMax: number): Decoded {
  return decodeLayers(codings, bytes, (name, layer) => decodeLayer(name, layer, bytesMax, false));
}

/** Of a body whose end is not here, or is not looked at. */
export function decodeBeginning(codings: string, bytes: Buffer, bytesMax: number): Decoded {
  return decodeLayers(codings, bytes, (name, layer) => {
    // Half of it expands to half as much, more or less; of a bomb the first bytes are enough.
    for (let length = layer.length; ; length >>>= 1) {
      const decoded = decodeLayer(name, layer.subarray(0, length), bytesMax, true);
      if (decoded !== 'too-long' || length === 0) return decoded;
    }
  });
}

function decodeLayers(
  codings: string,
  bytes: Buffer,
  decode: (name: string, layer: Buffer) => Decoded,
): Decoded {
  const names = codings
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length > codingsMax) return 'unreadable';
  let decoded = bytes;
  for (const name of names.toReversed()) {
    const layer = decode(name, decoded);
    if (typeof layer === 'string') return layer;
    decoded = layer;
  }
  return decoded;
}

function decodeLayer(name: string, bytes: Buffer, bytesMax: number, isCut: boolean): Decoded {
  const maxOutputLength = bytesMax;
  const options = {
    maxOutputLength,
    ...(isCut ? { finishFlush: constants.Z_SYNC_FLUSH } : null),
  };
  try {
    if (name === 'gzip' || name === 'x-gzip') return gunzipSync(bytes, options);
    if (name === 'br')
      return brotliDecompressSync(bytes, {
        maxOutputLength,
        ...(isCut ? { finishFlush: constants.BROTLI_OPERATION_FLUSH } : null),
      });
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
