/**
 * Reads the primitives of the WebAssembly binary format: bytes, LEB128 numbers, names. Every read is
 * bounded by `end`, a number may not be longer than its type allows, and nothing is allocated but names.
 *
 * A number read differently here than in the engine would let a module hide code from the meter, so the
 * rules are the engine's: at most 5 bytes for 32 bits and 10 for 64, unused bits of the last byte zero.
 */
import { damaged, MeterFault } from './meter-fault.ts';

/** Export and import names; the engine would take 100,000. */
const nameBytesMax = 1_024;

const utf8 = new TextDecoder('utf-8', { fatal: true });

export class BinaryReader {
  readonly bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    if (this.at >= this.end) throw damaged('ends in the middle of an item', this.at);
    return this.bytes[this.at++] ?? 0;
  }

  u32(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.byte();
    if (last > 0x0f) throw damaged('a number is longer than 32 bits', this.at - 1);
    // Multiplied, because a shift would make it negative.
    return value + last * 0x1000_0000;
  }

  /** Passes over a signed number of at most `bytesMax` bytes. */
  skipSigned(bytesMax: number): void {
    const start = this.at;
    while (this.byte() >= 0x80) {
      if (this.at - start >= bytesMax)
        throw damaged(`a number is longer than ${bytesMax} bytes`, start);
    }
  }

  skip(count: number): void {
    if (count > this.end - this.at)
      throw damaged(`${count} bytes are announced, ${this.end - this.at} are there`, this.at);
    this.at += count;
  }

  name(): string {
    const length = this.u32();
    const start = this.at;
    if (length > nameBytesMax)
      throw new MeterFault(
        `a name has ${length} bytes: at most ${nameBytesMax} are allowed`,
        start,
      );
    this.skip(length);
    try {
      return utf8.decode(this.bytes.subarray(start, this.at));
    } catch {
      throw damaged('a name is not UTF-8', start);
    }
  }
}
