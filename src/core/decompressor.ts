/**
 * Coded bytes (RFC 9110, section 8.4.1) undone as they come, in any pieces, by the zlib, brotli and zstd of Node.
 *
 * A body goes on behind rules that see at once what the origin will make of each piece, and no more of it than is asked
 * for. Node's streams work in other threads and its functions on whole bodies; what both stand on does one piece at a time,
 * in place: `writeSync` of the handle of a stream. Node does not document it, so it is looked for when this file is loaded.
 */
import * as zlib from 'node:zlib';

export type Decompressed = Buffer | 'too-long' | 'unreadable';
/** `zlib` and `deflate` are the two that go by the name deflate: with the frame of RFC 1950, and without. */
export type Compression = 'gzip' | 'zlib' | 'deflate' | 'br' | 'zstd';

/** lib/zlib.js of Node, `processChunkSync`. */
type Native = {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputBytes: number,
      output: Uint8Array,
      outputAt: number,
      outputBytes: number,
    ): void;
    onerror: (message: string) => void;
    close(): void;
  };
  /** Behind a write: what is left of the output, and of the input. */
  readonly _writeState: Uint32Array;
};

const { constants } = zlib;
/** A sender of zstd may ask for 8 MB (RFC 9659); decoders make room for what the head of a frame says. */
const zstdWindowBits = 23;

/** The output of a stream's own, which is not used. */
const least = { chunkSize: constants.Z_MIN_CHUNK };

const makers: Readonly<Record<Compression, () => object>> = {
  gzip: () => zlib.createGunzip(least),
  zlib: () => zlib.createInflate(least),
  deflate: () => zlib.createInflateRaw(least),
  br: () => zlib.createBrotliDecompress(least),
  zstd: () =>
    zlib.createZstdDecompress({
      ...least,
      params: { [constants.ZSTD_d_windowLogMax]: zstdWindowBits },
    }),
};

const finishes: Readonly<Record<Compression, number>> = {
  gzip: constants.Z_FINISH,
  zlib: constants.Z_FINISH,
  deflate: constants.Z_FINISH,
  br: constants.BROTLI_OPERATION_FINISH,
  zstd: constants.ZSTD_e_end,
};

const room = Buffer.allocUnsafeSlow(65_536);
const noBytes = new Uint8Array(0);

export class Decompressor {
  readonly #compression: Compression;
  readonly #native: Native;
  #hasFailed = false;

  constructor(compression: Compression) {
    this.#compression = compression;
    this.#native = nativeOf(compression);
    this.#native._handle.onerror = () => {
      this.#hasFailed = true;
    };
  }

  /** What comes of these bytes, at most so many. After a word in place of bytes nothing more is to be given. */
  push(bytes: Uint8Array, bytesMax: number): Decompressed {
    const { parts, end } = this.#run(bytes, bytesMax);
    return end === 'go' ? Buffer.concat(parts) : end;
  }

  /** What comes of these bytes, as far as it goes: the first of it, and nothing more is to be given. */
  pushLast(bytes: Uint8Array, bytesMax: number): Decompressed {
    const { parts, end } = this.#run(bytes, bytesMax);
    return end === 'unreadable' ? end : Buffer.concat(parts).subarray(0, bytesMax);
  }

  /** Nothing is missing at its end. To be asked when all is given. */
  isWhole(): boolean {
    this.#write(finishes[this.#compression], noBytes, 0, room.length);
    return !this.#hasFailed;
  }

  /** To be called when no more comes. */
  close(): void {
    this.#native._handle.close();
  }

  #run(bytes: Uint8Array, bytesMax: number) {
    const parts: Buffer[] = [];
    let size = 0;
    for (let at = 0; ; ) {
      // One more than asked for shows that there is more.
      const length = Math.min(room.length, bytesMax - size + 1);
      const [lengthLeft, left] = this.#write(constants.Z_NO_FLUSH, bytes, at, length);
      if (this.#hasFailed) return { parts, end: 'unreadable' } as const;
      parts.push(Buffer.from(room.subarray(0, length - lengthLeft)));
      size += length - lengthLeft;
      if (size > bytesMax) return { parts, end: 'too-long' } as const;
      if (lengthLeft === 0) {
        at = bytes.length - left;
        continue;
      }
      // With room and bytes left it is at its end. Behind it stand zeros, and behind those another member of gzip.
      const end = bytes.length - left;
      at = end;
      while (at < bytes.length && bytes[at] === 0) at++;
      if (at === bytes.length) return { parts, end: 'go' } as const;
      if (this.#compression !== 'gzip' || at === end) return { parts, end: 'unreadable' } as const;
    }
  }

  /** What is left: of the room for output, and of the input. */
  #write(flush: number, input: Uint8Array, at: number, length: number): readonly [number, number] {
    const { _handle, _writeState } = this.#native;
    _handle.writeSync(flush, input, at, input.length - at, room, 0, length);
    return [_writeState[0] as number, _writeState[1] as number];
  }
}

function nativeOf(compression: Compression): Native {
  const stream: Partial<Native> = makers[compression]();
  const { _handle, _writeState } = stream;
  if (typeof _handle?.writeSync !== 'function' || _writeState?.length !== 2)
    throw new Error(`node:zlib of ${process.version} does not work in place: ${compression}`);
  return { _handle, _writeState };
}

for (const compression of Object.keys(makers)) new Decompressor(compression as Compression).close();
