/**
 * A copy of what goes through an exchange, for who asked for it: the beginning of the request's body, and the head of
 * the response as the upstream gave it. The request's own head is in the view until the exchange ends.
 */
import type { ResponseView } from '#waf/response-view.ts';
import type { BodyPiece } from './http1/body-piece.ts';

export class Capture {
  readonly #bodyBytesMax: number;
  readonly #parts: Buffer[] = [];
  #size = 0;
  #isWhole = false;
  #responseHead: Buffer | null = null;

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** The body ended, and none of it is missing. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get responseHead(): Buffer | null {
    return this.#responseHead;
  }

  body(): Buffer {
    return this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
  }

  addBody(piece: BodyPiece): void {
    const room = this.#bodyBytesMax - this.#size;
    if (piece.size > 0 && room > 0) {
      const copy = Buffer.allocUnsafeSlow(piece.size);
      piece.copyTo(copy, 0);
      this.#parts.push(piece.size > room ? copy.subarray(0, room) : copy);
    }
    this.#size += piece.size;
    if (piece.last) this.#isWhole = this.#size <= this.#bodyBytesMax;
  }

  setResponse(view: ResponseView): void {
    this.#responseHead = Buffer.from(view.bytes.subarray(view.start, view.end));
  }
}
