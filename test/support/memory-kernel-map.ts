/**
 * The maps of the kernel shield without a kernel: a hash, an array, a longest-prefix trie and an LRU that mean
 * what the kernel's mean, with its bounds and its errors, and count what they are asked.
 */
import assert from 'node:assert/strict';
import { WeirError } from '../../src/core/errors.ts';
import type { KernelMap } from '../../src/synproxy/kernel-map.ts';

export type MemoryMapKind = 'hash' | 'array' | 'lpm' | 'lru';

export type MemoryMapOptions = {
  readonly kind: MemoryMapKind;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly entriesMax: number;
  /** More than one for a per-CPU map. */
  readonly cpus?: number;
};

export class MemoryKernelMap implements KernelMap {
  readonly name: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly entriesMax: number;
  readonly fd = -1;
  readonly valuesPerEntry: number;
  /** System calls it would have been. */
  calls = 0;
  /** The next change fails with this. */
  failNext: WeirError | null = null;
  readonly #kind: MemoryMapKind;
  readonly #wholeBytes: number;
  readonly #entries = new Map<string, Uint8Array>();

  constructor(name: string, options: MemoryMapOptions) {
    this.name = name;
    this.#kind = options.kind;
    this.keyBytes = options.keyBytes;
    this.valueBytes = options.valueBytes;
    this.entriesMax = options.entriesMax;
    this.valuesPerEntry = options.cpus ?? 1;
    this.#wholeBytes = options.valueBytes * this.valuesPerEntry;
    if (options.kind !== 'array') return;
    for (let index = 0; index < options.entriesMax; index++)
      this.#entries.set(this.#text(indexKey(index)), new Uint8Array(this.#wholeBytes));
  }

  get size(): number {
    return this.#entries.size;
  }

  lookup(key: Uint8Array, value: Uint8Array): boolean {
    this.calls++;
    assert.ok(value.length >= this.#wholeBytes, `${this.name}: a value has ${this.#wholeBytes} B`);
    const found = this.#find(key);
    if (found === undefined) return false;
    value.set(found);
    return true;
  }

  /** As a program in the kernel has it: the value itself, to be changed in place. */
  inPlace(key: Uint8Array): Uint8Array | undefined {
    return this.#find(key);
  }

  update(key: Uint8Array, value: Uint8Array): void {
    this.calls++;
    this.#put(key, value);
  }

  delete(key: Uint8Array): boolean {
    this.calls++;
    return this.#remove(key);
  }

  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void {
    this.calls++;
    for (let index = 0; index < count; index++) {
      this.#put(
        keys.subarray(index * this.keyBytes, (index + 1) * this.keyBytes),
        values.subarray(index * this.#wholeBytes, (index + 1) * this.#wholeBytes),
      );
    }
  }

  deleteBatch(keys: Uint8Array, count: number): void {
    this.calls++;
    for (let index = 0; index < count; index++)
      this.#remove(keys.subarray(index * this.keyBytes, (index + 1) * this.keyBytes));
  }

  *entries(): Iterable<{ key: Uint8Array; value: Uint8Array }> {
    // The same two buffers each time: what is kept of them without a copy is a mistake, as with the kernel's.
    const key = Buffer.alloc(this.keyBytes);
    const value = Buffer.alloc(this.#wholeBytes);
    for (const [text, kept] of [...this.#entries]) {
      key.write(text, 'latin1');
      value.set(kept);
      yield { key, value };
    }
  }

  #find(key: Uint8Array): Uint8Array | undefined {
    if (this.#kind !== 'lpm') {
      const text = this.#text(key);
      const value = this.#entries.get(text);
      if (this.#kind === 'lru' && value !== undefined) {
        this.#entries.delete(text);
        this.#entries.set(text, value);
      }
      return value;
    }
    for (let bits = prefixOf(key); bits >= 0; bits--) {
      const value = this.#entries.get(this.#text(masked(key, bits)));
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    const failure = this.failNext;
    this.failNext = null;
    if (failure !== null) throw failure;
    assert.ok(value.length >= this.#wholeBytes, `${this.name}: a value has ${this.#wholeBytes} B`);
    const text = this.#key(key);
    if (!this.#entries.has(text)) {
      if (this.#kind === 'array')
        throw new WeirError('KERNEL_CALL_FAILED', `${this.name}: E2BIG, no such index`);
      if (this.#entries.size >= this.entriesMax) {
        if (this.#kind !== 'lru')
          throw new WeirError('KERNEL_MAP_FULL', `${this.name} is full (${this.entriesMax})`);
        for (const [oldest] of this.#entries) {
          this.#entries.delete(oldest);
          break;
        }
      }
    }
    this.#entries.set(text, value.slice(0, this.#wholeBytes));
  }

  #remove(key: Uint8Array): boolean {
    if (this.#kind === 'array')
      throw new WeirError('KERNEL_CALL_FAILED', `${this.name}: EINVAL, an array keeps its entries`);
    return this.#entries.delete(this.#key(key));
  }

  #key(key: Uint8Array): string {
    return this.#text(this.#kind === 'lpm' ? masked(key, prefixOf(key)) : key);
  }

  #text(key: Uint8Array): string {
    assert.equal(key.length, this.keyBytes, `${this.name}: bytes of a key`);
    return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
  }
}

function indexKey(index: number): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, true);
  return key;
}

function prefixOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0, true);
}

/** The key with this prefix length, what lies behind it cleared. */
function masked(key: Uint8Array, bits: number): Uint8Array {
  const out = key.slice();
  new DataView(out.buffer).setUint32(0, bits, true);
  for (let at = 4; at < out.length; at++) {
    const kept = Math.min(8, Math.max(0, bits - (at - 4) * 8));
    out[at] = (out[at] as number) & (0xff00 >> kept);
  }
  return out;
}
