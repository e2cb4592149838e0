/** Frames of a session, written into its output. Their payload is bounded by what both sides take. */
import { type ErrorCode, errorCode } from './error-code.ts';
import {
  frameBytesMax,
  frameFlag,
  frameHeadBytes,
  frameType,
  writeFrameHead,
  writeUint32,
} from './frame.ts';
import type { HpackEncoder } from './hpack-encoder.ts';
import type { Output } from './output.ts';

export class FrameWriter {
  /** Answers a client provoked and has not read yet: since the socket last asked for a pause. */
  unreadAnswers = 0;
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    let at = this.#begin(pairs.length * 6, frameType.settings, 0, 0);
    const { chunk } = this.#output;
    for (const [id, value] of pairs) {
      chunk[at] = id >>> 8;
      chunk[at + 1] = id;
      at = writeUint32(chunk, at + 2, value);
    }
    this.#output.at = at;
  }

  settingsAck(): void {
    this.#output.at = this.#begin(0, frameType.settings, frameFlag.ack, 0);
    this.#answered();
  }

  /** `payload` is eight bytes of `bytes` from `start` on. */
  ping(bytes: Buffer, start: number, isAnswer: boolean): void {
    const at = this.#begin(8, frameType.ping, isAnswer ? frameFlag.ack : 0, 0);
    this.#output.at = at + bytes.copy(this.#output.chunk, at, start, start + 8);
    if (isAnswer) this.#answered();
  }

  goaway(lastStreamId: number, code: ErrorCode): void {
    const at = this.#begin(8, frameType.goaway, 0, 0);
    const { chunk } = this.#output;
    this.#output.at = writeUint32(chunk, writeUint32(chunk, at, lastStreamId), code);
  }

  windowUpdate(streamId: number, increment: number): void {
    const at = this.#begin(4, frameType.windowUpdate, 0, streamId);
    this.#output.at = writeUint32(this.#output.chunk, at, increment);
  }

  reset(streamId: number, code: ErrorCode): void {
    const at = this.#begin(4, frameType.rstStream, 0, streamId);
    this.#output.at = writeUint32(this.#output.chunk, at, code);
    if (code !== errorCode.noError) this.#answered();
  }

  /** The block the encoder holds, as HEADERS and as many CONTINUATION frames as it takes. */
  headers(streamId: number, encoder: HpackEncoder, endStream: boolean): void {
    const { bytes, length } = encoder;
    let type: number = frameType.headers;
    let from = 0;
    do {
      const size = Math.min(frameBytesMax, length - from);
      const isLast = from + size === length;
      let flags = isLast ? frameFlag.endHeaders : 0;
      if (endStream && type === frameType.headers) flags |= frameFlag.endStream;
      const at = this.#begin(size, type, flags, streamId);
      this.#output.at = at + bytes.copy(this.#output.chunk, at, from, from + size);
      from += size;
      type = frameType.continuation;
    } while (from < length);
  }

  /** A DATA frame's head; the caller writes `size` bytes at the position returned, and moves `output.at`. */
  dataHead(streamId: number, size: number, endStream: boolean): number {
    return this.#begin(size, frameType.data, endStream ? frameFlag.endStream : 0, streamId);
  }

  #begin(length: number, type: number, flags: number, streamId: number): number {
    const output = this.#output;
    output.reserve(frameHeadBytes + length);
    return writeFrameHead(output.chunk, output.at, length, type, flags, streamId);
  }

  #answered(): void {
    if (this.#output.isBlocked) this.unreadAnswers++;
  }
}
