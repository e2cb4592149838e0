/**
 * A request body taken out of its Content-Encoding, so that rules see what the origin will see. At most two codings, one
 * inside the other, and never more bytes than are asked for: what expands beyond that is a bomb, and is refused. Where
 * a route looks at the beginning alone, the beginning is decoded, as far as it goes; where it looks at all of a body that
 * does not fit the window, `CodedStream` decodes it as it comes.
 */
import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib';
import { Inflater } from '#core/inflater.ts';
import { Unbrotli } from '#core/unbrotli.ts';

export type Decoded = Buffer | 'too-long' | 'unreadable';

const codingsMax = 2;
/** What RFC 9659 lets a sender of zstd ask for: 8 MB. Decoders take more, and make room for what a frame's head says. */
const zstdWindowBits = 23;

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
  const names = codingsOf(codings);
  if (names.length > codingsMax) return 'unreadable';
  let decoded = bytes;
  for (const name of names.toReversed()) {
    const layer = decode(name, decoded);
    if (typeof layer === 'string') return layer;
    decoded = layer;
  }
  return decoded;
}

/** Their names, in the order they were applied; without those that change nothing. */
export const codingsOf = (codings: string): string[] =>
  codings
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');

/** A coded body in pieces, each decoded as far as its bytes go. */
export class CodedStream {
  /** The outermost first; null until the first byte says which frame it has. */
  readonly #layers: { readonly name: string; decoder: Inflater | Unbrotli | null }[];

  private constructor(names: readonly string[]) {
    this.#layers = names.toReversed().map((name) => ({ name, decoder: null }));
  }

  /** Null for codings that can be undone in whole alone (zstd), or not at all. */
  static of(codings: string): CodedStream | null {
    const names = codingsOf(codings);
    const isKnown = names.every((name) => /^(?:x-)?gzip$|^deflate$|^br$/.test(name));
    return isKnown && names.length <= codingsMax ? new CodedStream(names) : null;
  }

  /** It has come to its end. */
  get isWhole(): boolean {
    return this.#layers.every(({ decoder }) => decoder?.isWhole === true);
  }

  /** At most so many bytes of each layer. After a word in their place it is of no more use. */
  push(bytes: Buffer, bytesMax: number): Decoded {
    let decoded = bytes;
    for (const layer of this.#layers) {
      if (decoded.length === 0) break;
      layer.decoder ??= decoderFor(layer.name, decoded[0] as number);
      const layerDecoded = layer.decoder.push(decoded, bytesMax);
      if (typeof layerDecoded === 'string') return layerDecoded;
      decoded = layerDecoded;
    }
    return decoded;
  }

  /** To be called when no more comes. */
  close(): void {
    for (const { decoder } of this.#layers) if (decoder instanceof Unbrotli) decoder.close();
  }
}

function decoderFor(name: string, first: number): Inflater | Unbrotli {
  if (name === 'br') return new Unbrotli();
  if (name !== 'deflate') return new Inflater('gzip');
  return new Inflater(hasFrame(first) ? 'zlib' : 'raw');
}

/** Some senders leave the frame of zlib out, and some origins take that: the low bits of the first byte tell. */
const hasFrame = (first: number): boolean => (first & 15) === 8;

function decodeLayer(name: string, bytes: Buffer, bytesMax: number, isCut: boolean): Decoded {
  const maxOutputLength = bytesMax;
  const options = {
    maxOutputLength,
    info: true,
    ...(isCut ? { finishFlush: constants.Z_SYNC_FLUSH } : null),
  };
  try {
    if (name === 'gzip' || name === 'x-gzip') return ended(gunzipSync(bytes, options), bytes);
    if (name === 'br')
      return ended(
        brotliDecompressSync(bytes, {
          maxOutputLength,
          info: true,
          ...(isCut ? { finishFlush: constants.BROTLI_OPERATION_FLUSH } : null),
        }),
        bytes,
      );
    if (name === 'zstd')
      return ended(
        zstdDecompressSync(bytes, {
          maxOutputLength,
          info: true,
          params: { [constants.ZSTD_d_windowLogMax]: zstdWindowBits },
          ...(isCut ? { finishFlush: constants.ZSTD_e_flush } : null),
        }),
        bytes,
      );
    if (name === 'deflate')
      return hasFrame(bytes[0] ?? 0)
        ? ended(inflateSync(bytes, options), bytes)
        : ended(inflateRawSync(bytes, options), bytes);
    return 'unreadable';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      ? 'too-long'
      : 'unreadable';
  }
}

/**
 * What Node decoded, where nothing but zeros stands behind it: it stops at the end that it finds, and some origins go on to
 * the next member of a gzip body, over zeros too. `given` is the answer with `info`, which its type does not say.
 */
function ended(given: unknown, bytes: Buffer): Decoded {
  const { buffer, engine } = given as { buffer: Buffer; engine: { bytesWritten: number } };
  for (let at = engine.bytesWritten; at < bytes.length; at++)
    if (bytes[at] !== 0) return 'unreadable';
  return buffer;
}
