/**
 * A message body as it arrives, under any of its framings (RFC 9112 section 6.3).
 */
import type { HeadView } from '#waf/head-view.ts';
import type { BodyPiece } from './body-piece.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';
import { complete, incomplete } from './parse-problem.ts';

export const framing = {
  /** No body at all. */
  none: 0,
  /** Content-Length. */
  length: 1,
  chunked: 2,
  /** Until the connection closes; responses only. */
  close: 3,
} as const;

export type Framing = (typeof framing)[keyof typeof framing];

/** A request without a length has no body. */
export function requestFraming(view: HeadView): Framing {
  if (view.chunked) return framing.chunked;
  return view.contentLength > 0 ? framing.length : framing.none;
}

export class BodyDecoder {
  framing: Framing = framing.none;
  /** Where the last call stopped in its buffer. */
  position = 0;
  /** The message has been read to its end. */
  done = true;
  #remaining = 0;
  #chunks: ChunkedDecoder | null = null;

  /** `keepTrailers` asks for the trailer fields of a chunked body with its last piece. */
  reset(kind: Framing, contentLength: number, keepTrailers = false): void {
    this.framing = kind;
    this.#remaining = contentLength;
    this.done = kind === framing.none || (kind === framing.length && contentLength === 0);
    if (kind === framing.chunked) {
      this.#chunks ??= new ChunkedDecoder();
      this.#chunks.reset(keepTrailers);
    }
  }

  /** Fills `piece` from `bytes[from, limit)`; a negative result is a parse problem. */
  decode(piece: BodyPiece, bytes: Buffer, from: number, limit: number, borrowed: boolean): number {
    piece.reset(bytes, borrowed);
    let result: number = incomplete;
    let at = limit;
    if (this.done) {
      at = from;
      result = complete;
    } else if (this.framing === framing.length) {
      at = Math.min(limit, from + this.#remaining);
      this.#remaining -= at - from;
      if (at > from) piece.add(from, at);
      if (this.#remaining === 0) result = complete;
    } else if (this.framing === framing.chunked) {
      const chunks = this.#chunks as ChunkedDecoder;
      result = chunks.decode(piece, bytes, from, limit);
      at = chunks.position;
    } else if (at > from) piece.add(from, at);
    this.position = at;
    this.done = result === complete;
    piece.last = this.done;
    return result;
  }
}
