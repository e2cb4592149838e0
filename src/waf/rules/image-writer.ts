/** Lays the parts of a rule image one behind the other; equal parts are written once. */
import { assert } from '#core/assert.ts';

/** Above the largest image there is reason for, below what a module may have. */
export const imageBytesMax = 32 * 1024 * 1024;

export class ImageWriter {
  #bytes = Buffer.alloc(1 << 16);
  #length = 0;
  readonly #known = new Map<string, number>();

  /** The header comes first, so that no offset is 0. */
  constructor(headerWords: number) {
    this.#reserve(headerWords * 4);
  }

  get length(): number {
    return this.#length;
  }

  /** Where so many words of zeros lie now, to be filled in by `set`. */
  reserveWords(count: number): number {
    return this.#reserve(count * 4);
  }

  words(values: ArrayLike<number>): number {
    const bytes = Buffer.alloc(values.length * 4);
    for (let i = 0; i < values.length; i++) bytes.writeUInt32LE((values[i] ?? 0) >>> 0, i * 4);
    return this.#shared('words', bytes, 8);
  }

  /** 64-bit words, or anything else that the guest reads with vectors. */
  bytes(values: Uint8Array, alignment = 16): number {
    return this.#shared(
      `bytes${alignment}`,
      Buffer.from(values.buffer, values.byteOffset, values.byteLength),
      alignment,
    );
  }

  /** latin1: a character is a byte. */
  text(value: string): number {
    const bytes = Buffer.alloc(4 + value.length);
    bytes.writeUInt32LE(value.length, 0);
    bytes.write(value, 4, 'latin1');
    return this.#shared('text', bytes, 4);
  }

  set(at: number, values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++)
      this.#bytes.writeUInt32LE((values[i] ?? 0) >>> 0, at + i * 4);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #shared(kind: string, bytes: Buffer, alignment: number): number {
    const key = `${kind}:${bytes.toString('latin1')}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const at = this.#reserve(bytes.length, alignment);
    bytes.copy(this.#bytes, at);
    this.#known.set(key, at);
    return at;
  }

  #reserve(bytes: number, alignment = 8): number {
    const at = Math.ceil(this.#length / alignment) * alignment;
    const end = at + bytes;
    assert(end <= imageBytesMax, 'the rule image within its bound');
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#length = end;
    return at;
  }
}
