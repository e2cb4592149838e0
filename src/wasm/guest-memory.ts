/**
 * A guest's memory as the host reads and writes it.
 *
 * A guest that grows its memory detaches the buffer under every view of it, so `refresh` comes before
 * each use after the guest has run; it costs one comparison while nothing grows. Words are little-endian
 * as the ABI says, which is the byte order of every machine Weir runs on.
 */
import { GuestFailure } from './guest-failure.ts';

export class GuestMemory {
  bytes: Buffer;
  words: Uint32Array;
  readonly #memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.bytes = Buffer.from(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
  }

  refresh(): void {
    // A view of a detached buffer has no length; asking for `memory.buffer` itself costs ten times more.
    if (this.bytes.length !== 0) return;
    const buffer = this.#memory.buffer;
    this.bytes = Buffer.from(buffer);
    this.words = new Uint32Array(buffer);
  }

  /** Where `length` bytes at `at` lie inside the memory; `what` names them in the failure. */
  checkRange(at: number, length: number, what: string): void {
    if (at + length > this.bytes.length) {
      throw new GuestFailure(
        'abi',
        `${what} (${length} bytes at ${at}) lies outside the memory of ${this.bytes.length} bytes`,
      );
    }
  }
}
