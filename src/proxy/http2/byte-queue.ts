/**
 * Bytes that wait, in one buffer: however small the pieces they came in, they cost what they hold. Who
 * fills it bounds it; an empty one keeps no memory.
 */
import type { BodyPiece } from '../http1/body-piece.ts';

const bytesMin = 4_096;

export class ByteQueue {
  bytes: Buffer = noBytes;
  start = 0;
  end = 0;

  get size(): number {
    return this.end - this.start;
  }

  append(bytes: Buffer, from: number, to: number): void {
    this.#reserve(to - from);
    this.end += bytes.copy(this.bytes, this.end, from, to);
  }

  appendPiece(piece: BodyPiece): void {
    this.#reserve(piece.size);
    this.end = piece.copyTo(this.bytes, this.end);
  }

  /** Drops the first `count` bytes, which have been used. */
  consume(count: number): void {
    this.start += count;
    if (this.start === this.end) this.clear();
  }

  clear(): void {
    this.bytes = noBytes;
    this.start = 0;
    this.end = 0;
  }

  #reserve(count: number): void {
    if (this.end + count <= this.bytes.length) return;
    const { size } = this;
    // Twice what is needed, so that moving stays cheap over all appends.
    const room = size + count <= this.bytes.length / 2 ? this.bytes.length : (size + count) * 2;
    const wider = Buffer.allocUnsafe(Math.max(bytesMin, room));
    this.bytes.copy(wider, 0, this.start, this.end);
    this.bytes = wider;
    this.start = 0;
    this.end = size;
  }
}

const noBytes = Buffer.alloc(0);
