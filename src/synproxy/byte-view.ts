/**
 * Reads of bytes that may be anything: outside of them is a KERNEL_OBJECT_INVALID with the place, never a
 * crash and never a read of something else. The object is our own, but it lies on a disk.
 */
import { WeirError } from '#core/errors.ts';

export class ByteView {
  readonly bytes: Buffer;
  readonly #what: string;

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  u16(offset: number): number {
    this.#check(offset, 2);
    return this.bytes.readUInt16LE(offset);
  }

  u32(offset: number): number {
    this.#check(offset, 4);
    return this.bytes.readUInt32LE(offset);
  }

  u64(offset: number): number {
    this.#check(offset, 8);
    const value = this.bytes.readBigUInt64LE(offset);
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw this.invalid(`number at ${offset} too large`);
    return Number(value);
  }

  slice(offset: number, length: number): Buffer {
    this.#check(offset, length);
    return this.bytes.subarray(offset, offset + length);
  }

  /** A string up to its NUL, inside `start`..`end`. */
  text(start: number, end: number, offset: number): string {
    const at = start + offset;
    const stop = at < end ? this.bytes.indexOf(0, at) : -1;
    if (offset < 0 || stop < 0 || stop >= end)
      throw this.invalid(`string at ${at} outside its table`);
    return this.bytes.toString('latin1', at, stop);
  }

  invalid(why: string): WeirError {
    return new WeirError('KERNEL_OBJECT_INVALID', `${this.#what}: ${why}`);
  }

  #check(offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.bytes.length))
      throw this.invalid(`${length} bytes at ${offset} lie outside of ${this.bytes.length}`);
  }
}
