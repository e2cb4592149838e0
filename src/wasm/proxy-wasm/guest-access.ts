/**
 * How host calls read and write a guest's memory: every address and length is the guest's, so each is
 * held against the memory as it is at that moment, and every call is paid for.
 *
 * What is longer than a number is handed over in memory that the guest allocates when asked; asking runs
 * guest code, after which the memory may be another one.
 */
import { assert } from '#core/assert.ts';
import { GuestFailure } from '../guest-failure.ts';
import { GuestMemory } from '../guest-memory.ts';
import { status } from './abi.ts';

/** Host calls while the guest runs once; a filter that walks over 100 fields makes some 300. */
export const hostCallsMax = 4_000;
/** Bytes that those calls move in and out together: a body of the longest window, there and back, thrice. */
export const bytesMovedMax = 8 * 1024 * 1024;

export class GuestAccess {
  #memory: GuestMemory | null = null;
  #allocate: ((bytes: number) => unknown) | null = null;
  #callsLeft = 0;
  #bytesLeft = 0;
  /** Thrown into the guest, which may have caught it: it ends the call all the same. */
  failure: GuestFailure | null = null;
  /** The memory itself; null while the start function of the module runs. */
  raw: WebAssembly.Memory | null = null;

  /** When the instance is there; its start function ran without. */
  attach(memory: WebAssembly.Memory, allocate: (bytes: number) => unknown): void {
    this.raw = memory;
    this.#memory = new GuestMemory(memory);
    this.#allocate = allocate;
  }

  /** For WASI, which shares the memory. */
  memory(): GuestMemory | null {
    return this.#memory;
  }

  /** Before each call into the guest. */
  refill(): void {
    this.#callsLeft = hostCallsMax;
    this.#bytesLeft = bytesMovedMax;
  }

  /** Pays for moving `bytes`. Throws when the guest has used up what it has. */
  spend(bytes: number): void {
    this.#bytesLeft -= bytes;
    if (this.#bytesLeft < 0)
      this.fail('limit', `moves more than ${bytesMovedMax} bytes by host calls in one call`);
  }

  /** Pays for one host call. */
  count(): void {
    if (--this.#callsLeft < 0)
      this.fail('limit', `makes more than ${hostCallsMax} host calls in one call`);
  }

  fail(kind: 'limit' | 'abi', what: string): never {
    this.failure ??= new GuestFailure(kind, what);
    throw this.failure;
  }

  /** A view of guest memory, valid until the guest runs again; null for what lies outside. */
  view(at: number, length: number): Buffer | null {
    const start = at >>> 0;
    const end = start + (length >>> 0);
    const bytes = this.#bytes();
    if (bytes === null || end > bytes.length) return null;
    this.spend(end - start);
    return bytes.subarray(start, end);
  }

  /** Latin1, so that no byte is lost; null for what lies outside or is longer than `bytesMax`. */
  text(at: number, length: number, bytesMax: number): string | null {
    if (length >>> 0 > bytesMax) return null;
    return this.view(at, length)?.toString('latin1') ?? null;
  }

  writeWord(at: number, value: number): boolean {
    const bytes = this.#bytes();
    if (bytes === null || (at >>> 0) + 4 > bytes.length) return false;
    bytes.writeUInt32LE(value >>> 0, at >>> 0);
    return true;
  }

  writeWord64(at: number, value: bigint): boolean {
    const bytes = this.#bytes();
    if (bytes === null || (at >>> 0) + 8 > bytes.length) return false;
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value), at >>> 0);
    return true;
  }

  /** Hands `value` over in memory of the guest, and writes where it lies and how long it is. */
  give(value: Buffer, intoAddress: number, intoLength: number): number {
    this.spend(value.length);
    let address = 0;
    if (value.length > 0) {
      address = this.#allocated(value.length);
      const bytes = this.#bytes();
      if (bytes === null || address === 0 || address + value.length > bytes.length)
        return status.invalidMemoryAccess;
      value.copy(bytes, address);
    }
    return this.writeWord(intoAddress, address) && this.writeWord(intoLength, value.length)
      ? status.ok
      : status.invalidMemoryAccess;
  }

  #allocated(bytes: number): number {
    assert(this.#allocate !== null, 'memory is there, so the instance is');
    const address = this.#allocate(bytes);
    if (typeof address !== 'number') this.fail('abi', 'its allocator does not return an i32');
    return address >>> 0;
  }

  #bytes(): Buffer | null {
    if (this.#memory === null) return null;
    this.#memory.refresh();
    return this.#memory.bytes;
  }
}
