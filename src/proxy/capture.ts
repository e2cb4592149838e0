/**
 * A copy of what goes through an exchange, for who asked for it: the beginning of the request's body, the head of the
 * response as the upstream gave it, and the beginning of its body. The request's own head is in the view until the
 * exchange ends. Of answers there is as much as all copies of the worker have room for, together.
 */
import type { ResponseView } from '#waf/response-view.ts';
import type { BodyPiece } from './http1/body-piece.ts';

/** What copies of answers may take, over all that are under way. */
export type AnswerRoom = { leftBytes: number };

export class Capture {
  readonly #body: CopiedBody;
  readonly #answer: CopiedBody | null;
  #responseHead: Buffer | null = null;

  /** Without room nothing of the answer's body is copied. */
  constructor(bodyBytesMax: number, answerBytesMax = 0, room: AnswerRoom | null = null) {
    this.#body = new CopiedBody(bodyBytesMax, null);
    this.#answer = room === null ? null : new CopiedBody(answerBytesMax, room);
  }

  /** The body ended, and none of it is missing. */
  get isWhole(): boolean {
    return this.#body.isWhole;
  }

  /** Null where nobody asked for it. */
  get answer(): { readonly bytes: Buffer; readonly isWhole: boolean } | null {
    const answer = this.#answer;
    return answer === null ? null : { bytes: answer.bytes(), isWhole: answer.isWhole };
  }

  get responseHead(): Buffer | null {
    return this.#responseHead;
  }

  body(): Buffer {
    return this.#body.bytes();
  }

  addBody(piece: BodyPiece): void {
    this.#body.add(piece);
  }

  setResponse(view: ResponseView): void {
    this.#responseHead = Buffer.from(view.bytes.subarray(view.start, view.end));
  }

  addAnswer(piece: BodyPiece): void {
    this.#answer?.add(piece);
  }

  /** What it took of the room is there for others. */
  release(): void {
    this.#answer?.release();
  }
}

class CopiedBody {
  readonly #bytesMax: number;
  readonly #room: AnswerRoom | null;
  readonly #parts: Buffer[] = [];
  #copied = 0;
  #size = 0;
  #hasEnded = false;

  constructor(bytesMax: number, room: AnswerRoom | null) {
    this.#bytesMax = bytesMax;
    this.#room = room;
  }

  get isWhole(): boolean {
    return this.#hasEnded && this.#size === this.#copied;
  }

  bytes(): Buffer {
    return this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
  }

  add(piece: BodyPiece): void {
    // Behind a gap nothing is of use.
    const isGapless = this.#size === this.#copied;
    const room = Math.min(this.#bytesMax - this.#copied, this.#room?.leftBytes ?? this.#bytesMax);
    const length = isGapless ? Math.min(piece.size, room) : 0;
    if (length > 0) {
      const copy = Buffer.allocUnsafeSlow(piece.size);
      piece.copyTo(copy, 0);
      // What is cut off is not to be held.
      this.#parts.push(length < piece.size ? Buffer.from(copy.subarray(0, length)) : copy);
      this.#copied += length;
      if (this.#room !== null) this.#room.leftBytes -= length;
    }
    this.#size += piece.size;
    if (piece.last) this.#hasEnded = true;
  }

  release(): void {
    if (this.#room !== null) this.#room.leftBytes += this.#copied;
  }
}
