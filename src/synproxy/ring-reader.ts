/**
 * Reads a ring buffer of the kernel from its mapped pages: no call and no copy per record.
 *
 * ```
 * fd ─► page 0: consumer position (ours)   page 1: producer position   then the data, mapped twice over,
 *                                                                       so no record is ever split
 * ```
 *
 * A record begins with its length; bit 31 says it is still being written (the reader stops there), bit 30
 * that it was given up (skipped). Positions only grow; a double holds them exactly for centuries.
 */
import { nativeCalls } from './bpf-call.ts';
import { mapShared } from './mapped-memory.ts';

const BUSY = 0x80000000;
const DISCARDED = 0x40000000;
const LENGTH = 0x3fffffff;
const headerBytes = 8;
const commitEvery = 1_024;

/** Where a reader looks: what the kernel maps, or arrays of a test. */
export type RingMemory = {
  readonly consumer: BigInt64Array;
  readonly producer: BigInt64Array;
  /** The data twice, one behind the other. */
  readonly data: Buffer;
  readonly bytes: number;
};

export class RingReader {
  readonly #memory: RingMemory;
  readonly #headers: Int32Array;
  #position: number;

  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#headers = new Int32Array(
      memory.data.buffer,
      memory.data.byteOffset,
      memory.data.length / 4,
    );
    this.#position = Number(Atomics.load(memory.consumer, 0));
  }

  /** Calls `each` with the data and where a record lies in it; true of the return: there may be more. */
  read(each: (data: Buffer, offset: number, length: number) => void, recordsMax: number): boolean {
    const { producer, data, bytes } = this.#memory;
    let seen = 0;
    try {
      while (seen < recordsMax) {
        const end = Number(Atomics.load(producer, 0));
        if (this.#position >= end) return false;
        while (this.#position < end && seen < recordsMax) {
          const offset = this.#position & (bytes - 1);
          const header = Atomics.load(this.#headers, offset >> 2);
          if ((header & BUSY) !== 0) return false;
          const length = header & LENGTH;
          // Moved on before the call, so that a reader that throws does not meet the record again.
          this.#position += (length + headerBytes + 7) & ~7;
          seen++;
          if ((header & DISCARDED) === 0) each(data, offset + headerBytes, length);
          if (seen % commitEvery === 0) this.#commit();
        }
      }
      return true;
    } finally {
      this.#commit();
    }
  }

  #commit(): void {
    Atomics.store(this.#memory.consumer, 0, BigInt(this.#position));
  }
}

/** Maps the ring behind a descriptor; needs no rights. The mapping lasts as long as the process. */
export function mapRing(fd: number, bytes: number): RingMemory {
  const page = pageBytes();
  const name = `ring ${fd}`;
  const consumer = mapShared(fd, page, { for: 'write', name });
  const rest = mapShared(fd, page + 2 * bytes, { for: 'read', offset: page, name });
  return {
    consumer: new BigInt64Array(consumer, 0, 1),
    producer: new BigInt64Array(rest, 0, 1),
    data: Buffer.from(rest, page, 2 * bytes),
    bytes,
  };
}

function pageBytes(): number {
  return nativeCalls().pageBytes();
}

/** Calls `each` whenever the ring has something; the result ends it. */
export function watchRing(fd: number, each: () => void): () => void {
  return nativeCalls().watch(fd, each);
}
