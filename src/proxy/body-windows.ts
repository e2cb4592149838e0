/**
 * A body in stretches that modules can take, with the end of the one before shown once more in front, so
 * that nothing hides on a border between two reads.
 */
import { overlapBytesMax } from '#wasm/abi.ts';
import type { BodyWindow } from '#wasm/filter.ts';
import type { BodyPiece } from './http1/body-piece.ts';
import { decodeTrailers } from './http1/trailers.ts';

export class BodyWindows {
  readonly #windowBytes: number;
  #tail: Buffer = noBytes;
  #position: number;

  /** What stands before `position` was seen; `tail` is its end. */
  constructor(windowBytes: number, seen: Buffer = noBytes) {
    this.#windowBytes = windowBytes;
    this.#position = seen.length;
    this.#keep(seen);
  }

  /** The windows of what a piece brings, from byte `skip` of it on. */
  *of(piece: BodyPiece, skip = 0): Generator<BodyWindow> {
    const bytes = Buffer.allocUnsafe(piece.size);
    piece.copyTo(bytes, 0);
    for (let from = skip; from < bytes.length || (from === skip && piece.last); ) {
      const to = Math.min(bytes.length, from + this.#windowBytes);
      const fresh = bytes.subarray(from, to);
      const isLast = piece.last && to === bytes.length;
      const overlap = this.#tail.length;
      const isFirst = this.#position === 0;
      yield {
        bytes: overlap === 0 ? fresh : Buffer.concat([this.#tail, fresh]),
        overlap,
        position: this.#position,
        isFirst,
        isLast,
        isWhole: isFirst && isLast,
        ...(isLast && piece.trailers.length > 0
          ? { trailers: decodeTrailers(piece.trailers) }
          : null),
      };
      this.#position += fresh.length;
      this.#keep(fresh);
      if (to === bytes.length) return;
      from = to;
    }
  }

  #keep(bytes: Buffer): void {
    const joined =
      bytes.length >= overlapBytesMax || this.#tail.length === 0
        ? bytes
        : Buffer.concat([this.#tail, bytes]);
    this.#tail = Buffer.from(joined.subarray(Math.max(0, joined.length - overlapBytesMax)));
  }
}

const noBytes = Buffer.alloc(0);
