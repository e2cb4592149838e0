/**
 * Whole frames out of bytes as they arrive. A frame that lies in one read is used where it lies; one that
 * does not is put together in a buffer of its own size, so that each byte is copied at most once however
 * small the pieces are.
 */
import { frameBytesMax, frameHeadBytes, readUint32 } from './frame.ts';

export class FrameReader {
  /** The frame found by the last `next` that returned true. */
  type = 0;
  flags = 0;
  streamId = 0;
  length = 0;
  /** Where its payload is: `bytes[start, end)`. Nobody writes to it again. */
  bytes: Buffer = noBytes;
  start = 0;
  end = 0;
  /** Where the last call stopped. */
  position = 0;
  readonly #head = Buffer.alloc(frameHeadBytes);
  #headHave = 0;
  #payload: Buffer | null = null;
  #payloadHave = 0;

  /** Part of a frame has arrived. */
  get isPartial(): boolean {
    return this.#headHave > 0;
  }

  /** The head of a partial frame is there, so `type` tells what it will be. */
  get isPartialOf(): number {
    return this.#headHave === frameHeadBytes ? this.type : -1;
  }

  /**
   * Looks for a whole frame in `bytes` from `at` on; false when more bytes are needed. A frame longer than
   * allowed is reported by its head alone, with `length` saying so.
   */
  next(bytes: Buffer, at: number): boolean {
    if (this.#headHave === 0 && bytes.length - at >= frameHeadBytes) {
      this.#readHead(bytes, at);
      const start = at + frameHeadBytes;
      const end = start + this.length;
      if (this.length > frameBytesMax || end <= bytes.length) {
        this.bytes = bytes;
        this.start = start;
        this.end = end;
        this.position = end;
        return true;
      }
    }
    return this.#assemble(bytes, at);
  }

  release(): void {
    this.bytes = noBytes;
    this.#payload = null;
    this.#headHave = 0;
  }

  #assemble(bytes: Buffer, from: number): boolean {
    let at = from;
    if (this.#headHave < frameHeadBytes) {
      const take = Math.min(frameHeadBytes - this.#headHave, bytes.length - at);
      bytes.copy(this.#head, this.#headHave, at, at + take);
      this.#headHave += take;
      at += take;
      this.position = at;
      if (this.#headHave < frameHeadBytes) return false;
      this.#readHead(this.#head, 0);
      if (this.length > frameBytesMax) return true;
      this.#payload = Buffer.allocUnsafe(this.length);
      this.#payloadHave = 0;
    }
    const payload = this.#payload as Buffer;
    const take = Math.min(this.length - this.#payloadHave, bytes.length - at);
    bytes.copy(payload, this.#payloadHave, at, at + take);
    this.#payloadHave += take;
    this.position = at + take;
    if (this.#payloadHave < this.length) return false;
    this.bytes = payload;
    this.start = 0;
    this.end = this.length;
    this.#payload = null;
    this.#headHave = 0;
    return true;
  }

  #readHead(bytes: Uint8Array, at: number): void {
    this.length =
      ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    this.type = bytes[at + 3] as number;
    this.flags = bytes[at + 4] as number;
    // The reserved bit is ignored (section 4.1).
    this.streamId = readUint32(bytes, at + 5) & 0x7fff_ffff;
  }
}

const noBytes = Buffer.alloc(0);
