/**
 * Chunked transfer coding, decoded as it arrives (RFC 9112 section 7.1).
 *
 * ```
 * size ─CR─► sizeLf ─► data ─► dataCr ─► dataLf ─► size …
 *   └─;─► extension ─CR─┘       size 0: ─► trailerStart ─CR─► endLf ─► done
 *                                            └► trailer ─CR─► trailerLf ─┘
 * ```
 *
 * Strict: CR LF only, hexadecimal digits only, extensions and trailers bounded over the whole message.
 * Trailers are checked for their bounds and bytes; they are kept where the caller asks for them, and
 * dropped elsewhere, as section 6.5.1 of RFC 9110 allows.
 */
import type { BodyPiece } from './body-piece.ts';
import { CR, HTAB, isTokenByte, isValueByte, LF } from './bytes.ts';
import { complete, incomplete, parseProblem } from './parse-problem.ts';
import { filterTrailers, trailerBytesMax } from './trailers.ts';

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER_START = 6;
const TRAILER_NAME = 7;
const TRAILER_VALUE = 8;
const TRAILER_LF = 9;
const END_LF = 10;

/** 2^48 - 1 bytes is far above any body limit and exact in a double. */
const sizeDigitsMax = 12;
/** Over the whole message: an extension on every one-byte chunk is an attack (CVE-2023-39326). */
const extensionBytesMax = 4_096;

export class ChunkedDecoder {
  /** Where decoding stopped: one past the message when complete. */
  position = 0;
  #state = SIZE;
  #remaining = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;
  #keepTrailers = false;
  /** The trailer section as it comes; made for the few messages that have one. */
  #trailers: Buffer | null = null;

  /** `keepTrailers` asks for the trailer fields with the last piece. */
  reset(keepTrailers = false): void {
    this.#state = SIZE;
    this.#remaining = 0;
    this.#digits = 0;
    this.#extensionBytes = 0;
    this.#trailerBytes = 0;
    this.#keepTrailers = keepTrailers;
    this.#trailers = null;
  }

  /** Adds the payload in `bytes[from, limit)` to the piece. */
  decode(piece: BodyPiece, bytes: Buffer, from: number, limit: number): number {
    let at = from;
    while (at < limit) {
      if (this.#state === DATA) {
        const take = Math.min(this.#remaining, limit - at);
        piece.add(at, at + take);
        at += take;
        this.#remaining -= take;
        if (this.#remaining === 0) this.#state = DATA_CR;
        continue;
      }
      const byte = bytes[at++] as number;
      switch (this.#state) {
        case SIZE: {
          const digit = hexValue(byte);
          if (digit >= 0) {
            if (++this.#digits > sizeDigitsMax) return parseProblem.chunkSize;
            this.#remaining = this.#remaining * 16 + digit;
          } else if (this.#digits === 0) return parseProblem.chunkSize;
          else if (byte === CR) this.#state = SIZE_LF;
          else if (byte === 59) this.#state = EXTENSION;
          else return parseProblem.chunkSize;
          break;
        }
        case EXTENSION:
          if (byte === CR) this.#state = SIZE_LF;
          else if (isValueByte[byte] !== 1 || ++this.#extensionBytes > extensionBytesMax)
            return parseProblem.chunkExtension;
          break;
        case SIZE_LF:
          if (byte !== LF) return parseProblem.chunkSize;
          this.#digits = 0;
          this.#state = this.#remaining === 0 ? TRAILER_START : DATA;
          break;
        case DATA_CR:
          if (byte !== CR) return parseProblem.chunkData;
          this.#state = DATA_LF;
          break;
        case DATA_LF:
          if (byte !== LF) return parseProblem.chunkData;
          this.#state = SIZE;
          break;
        case TRAILER_START:
          if (byte === CR) this.#state = END_LF;
          else if (isTokenByte[byte] === 1) this.#state = TRAILER_NAME;
          else return parseProblem.trailer;
          break;
        case TRAILER_NAME:
          if (byte === 58) this.#state = TRAILER_VALUE;
          else if (isTokenByte[byte] !== 1) return parseProblem.trailer;
          break;
        case TRAILER_VALUE:
          if (byte === CR) this.#state = TRAILER_LF;
          else if (isValueByte[byte] !== 1 && byte !== HTAB) return parseProblem.trailer;
          break;
        case TRAILER_LF:
          if (byte !== LF) return parseProblem.trailer;
          this.#state = TRAILER_START;
          break;
        default:
          if (byte !== LF) return parseProblem.trailer;
          this.position = at;
          // The count includes the CR of the empty line; the line feeds are in neither.
          if (this.#trailers !== null)
            piece.trailers = filterTrailers(this.#trailers.subarray(0, this.#trailerBytes - 1));
          return complete;
      }
      if (this.#state >= TRAILER_NAME) {
        if (this.#trailerBytes === trailerBytesMax) return parseProblem.trailer;
        if (this.#keepTrailers && this.#state !== END_LF) {
          this.#trailers ??= Buffer.allocUnsafe(trailerBytesMax);
          this.#trailers[this.#trailerBytes] = byte;
        }
        this.#trailerBytes++;
      }
    }
    this.position = at;
    return incomplete;
  }
}

function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
