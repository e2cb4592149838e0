/**
 * The beginning of a body, kept back until modules have seen it: at most a window of it, and what came in
 * one read behind it.
 */
import type { BodyWindow } from '#wasm/filter.ts';
import { BodyPiece } from './http1/body-piece.ts';
import { decodeTrailers, encodeTrailers } from './http1/trailers.ts';

/**
 * A body that came whole and in one stretch, shown where it lies: nothing has to be kept of it while modules look.
 * Null where it did not.
 */
export function windowOver(piece: BodyPiece, windowBytes: number): BodyWindow | null {
  if (!piece.last || piece.count > 1 || piece.size > windowBytes || piece.trailers.length > 0)
    return null;
  const start = piece.count === 0 ? 0 : (piece.ranges[0] as number);
  return {
    bytes: piece.bytes.subarray(start, start + piece.size),
    overlap: 0,
    position: 0,
    isFirst: true,
    isLast: true,
    isWhole: true,
  };
}

export class HeldBody {
  readonly #windowBytes: number;
  readonly #parts: Buffer[] = [];
  #size = 0;
  #last = false;
  #trailers: Buffer = noBytes;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  get size(): number {
    return this.#size;
  }

  /** Longer than the window. */
  get isBeyond(): boolean {
    return this.#size > this.#windowBytes;
  }

  /** The message has come to its end. */
  get isEnded(): boolean {
    return this.#last;
  }

  /** Nothing more needs to come before modules see it. */
  get isReady(): boolean {
    return this.#last || this.#size >= this.#windowBytes;
  }

  /** Keeps a copy. */
  add(piece: BodyPiece): void {
    if (piece.size > 0) {
      const copy = Buffer.allocUnsafe(piece.size);
      piece.copyTo(copy, 0);
      this.#parts.push(copy);
      this.#size += piece.size;
    }
    this.#last = piece.last;
    if (piece.last && piece.trailers.length > 0) this.#trailers = Buffer.from(piece.trailers);
  }

  window(restPasses = false): BodyWindow {
    const bytes = this.#joined();
    const isWhole = this.#last && !this.isBeyond;
    return {
      bytes: this.isBeyond ? bytes.subarray(0, this.#windowBytes) : bytes,
      overlap: 0,
      position: 0,
      isFirst: true,
      isLast: isWhole,
      isWhole,
      ...(restPasses && !isWhole ? { restPasses } : null),
      ...(isWhole && this.#trailers.length > 0
        ? { trailers: decodeTrailers(this.#trailers) }
        : null),
    };
  }

  /** All that is held, as one piece that owns its bytes. */
  piece(replacement: Buffer | null = null, trailers: readonly string[] | null = null): BodyPiece {
    const bytes = replacement ?? this.#joined();
    const piece = new BodyPiece();
    piece.reset(bytes, false);
    if (bytes.length > 0) piece.add(0, bytes.length);
    piece.last = this.#last;
    // What they say of the body, a digest for one, they say of the one that came.
    if (trailers !== null) piece.trailers = encodeTrailers(trailers);
    else if (replacement === null) piece.trailers = this.#trailers;
    return piece;
  }

  #joined(): Buffer {
    if (this.#parts.length > 1)
      this.#parts.splice(0, this.#parts.length, Buffer.concat(this.#parts));
    return this.#parts[0] ?? noBytes;
  }
}

const noBytes = Buffer.alloc(0);
