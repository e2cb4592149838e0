/**
 * A stretch of a body as a guest reads it, and perhaps changes it. Bytes are borrowed until the first
 * change, which makes a copy.
 */
import { status } from './abi.ts';

/** What a guest may make of a body; twice what a window can hold. */
export const changedBodyBytesMax = 2 * 1024 * 1024;

export class BodyBuffer {
  bytes: Buffer;
  /** The whole body lies here and none of it is on its way yet. */
  readonly canChange: boolean;
  isChanged = false;

  constructor(bytes: Buffer, canChange: boolean) {
    this.bytes = bytes;
    this.canChange = canChange;
  }

  /**
   * Puts `value` in the place of `length` bytes at `start`; whatever reaches beyond the end is cut to it,
   * so a start behind the end appends. Both are unsigned.
   */
  splice(start: number, length: number, value: Buffer): number {
    if (!this.canChange) return status.unimplemented;
    const from = Math.min(start, this.bytes.length);
    const to = Math.min(from + length, this.bytes.length);
    if (this.bytes.length - (to - from) + value.length > changedBodyBytesMax)
      return status.internalFailure;
    this.bytes = Buffer.concat([this.bytes.subarray(0, from), value, this.bytes.subarray(to)]);
    this.isChanged = true;
    return status.ok;
  }
}
