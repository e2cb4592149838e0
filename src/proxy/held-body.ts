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
  readonly #expectedBytes: number;
  #bytes: Buffer = noBytes;
  #size = 0;
  #last = false;
  #trailers: Buffer = noBytes;

  /**
   * `expectedBytes` of one whose word on that is taken: there is room for them at once. Who sends little of what it
   * announces would otherwise have memory for nothing.
   */
  constructor(windowBytes: number, expectedBytes = 0) {
    this.#windowBytes = windowBytes;
    this.#expectedBytes = Math.min(expectedBytes, windowBytes);
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
      this.#makeRoom(this.#size + piece.size, piece.last);
      piece.copyTo(this.#bytes, this.#size);
      this.#size += piece.size;
    }
    this.#last = piece.last;
    if (piece.last && piece.trailers.length > 0) this.#trailers = Buffer.from(piece.trailers);
  }

  window(restPasses = false): BodyWindow {
    const bytes = this.#bytes.subarray(0, this.isBeyond ? this.#windowBytes : this.#size);
    const isWhole = this.#last && !this.isBeyond;
    return {
      bytes,
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
    const bytes = replacement ?? this.#bytes.subarray(0, this.#size);
    const piece = new BodyPiece();
    piece.reset(bytes, false);
    if (bytes.length > 0) piece.add(0, bytes.length);
    piece.last = this.#last;
    // What they say of the body, a digest for one, they say of the one that came.
    if (trailers !== null) piece.trailers = encodeTrailers(trailers);
    else if (replacement === null) piece.trailers = this.#trailers;
    return piece;
  }

  /** What was shown of it before keeps its bytes. */
  #makeRoom(bytes: number, isAll: boolean): void {
    if (bytes <= this.#bytes.length) return;
    const more = isAll ? 0 : Math.max(this.#expectedBytes, this.#bytes.length * 2);
    const grown = Buffer.allocUnsafe(Math.max(bytes, more));
    this.#bytes.copy(grown, 0, 0, this.#size);
    this.#bytes = grown;
  }
}

const noBytes = Buffer.alloc(0);
