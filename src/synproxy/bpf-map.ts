/**
 * A map of the kernel by its descriptor. Can be made (`createMap`) or taken up from a descriptor another
 * process handed on (`KernelMapByFd`), which needs no rights at all.
 *
 * Batches resume where the kernel stopped: `count` comes back as how many were done.
 */
import { readFileSync } from 'node:fs';
import { assert } from '#core/assert.ts';
import {
  addressOf,
  type BpfCommand,
  bpf,
  bpfResult,
  callFailed,
  errnoName,
  KernelError,
  stableBuffer,
} from './bpf-call.ts';
import type { MapDefinition } from './btf.ts';
import type { KernelMap } from './kernel-map.ts';

const ENOENT = 2;
const E2BIG = 7;
const ENOMEM = 12;
const ENOSPC = 28;
const ENOTSUPP = 524;
const perCpuTypes: ReadonlySet<number> = new Set([5, 6, 10]);
const TRIE = 11;
const ARRAY_TYPES: ReadonlySet<number> = new Set([2, 6]);
const batchEntries = 4_096;

export function createMap(definition: MapDefinition): number {
  const attribute = stableBuffer(128);
  attribute.writeUInt32LE(definition.type, 0);
  attribute.writeUInt32LE(definition.keyBytes, 4);
  attribute.writeUInt32LE(definition.valueBytes, 8);
  attribute.writeUInt32LE(definition.entriesMax, 12);
  attribute.writeUInt32LE(definition.flags, 16);
  attribute.write(definition.name.slice(0, 15), 28, 'latin1');
  return bpf('MAP_CREATE', attribute, `map ${definition.name}`);
}

/** What lies behind a descriptor, as the kernel says. */
export function mapInfo(fd: number, name: string): MapDefinition {
  const info = stableBuffer(128);
  const attribute = stableBuffer(16);
  attribute.writeUInt32LE(fd, 0);
  attribute.writeUInt32LE(info.length, 4);
  attribute.writeBigUInt64LE(addressOf(info), 8);
  bpf('OBJ_GET_INFO_BY_FD', attribute, `map ${name}`);
  return {
    name,
    type: info.readUInt32LE(0),
    keyBytes: info.readUInt32LE(8),
    valueBytes: info.readUInt32LE(12),
    entriesMax: info.readUInt32LE(16),
    flags: info.readUInt32LE(20),
  };
}

/** CPUs a per-CPU value has room for: possible ones, not those that run. */
export function possibleCpus(): number {
  const text = readFileSync('/sys/devices/system/cpu/possible', 'latin1').trim();
  const last = Number(text.split(/[-,]/).at(-1));
  assert(Number.isInteger(last), `CPUs are "${text}"`);
  return last + 1;
}

export class KernelMapByFd implements KernelMap {
  readonly name: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly entriesMax: number;
  readonly valuesPerEntry: number;
  readonly fd: number;
  readonly #type: number;
  readonly #bytesOfEntry: number;
  readonly #attribute = stableBuffer(128);
  readonly #key: Buffer;
  readonly #value: Buffer;

  constructor(definition: MapDefinition, fd: number) {
    this.name = definition.name;
    this.keyBytes = definition.keyBytes;
    this.valueBytes = definition.valueBytes;
    this.entriesMax = definition.entriesMax;
    this.fd = fd;
    this.#type = definition.type;
    const perCpu = perCpuTypes.has(definition.type);
    this.valuesPerEntry = perCpu ? possibleCpus() : 1;
    this.#bytesOfEntry = perCpu
      ? Math.ceil(definition.valueBytes / 8) * 8 * this.valuesPerEntry
      : definition.valueBytes;
    this.#key = stableBuffer(this.keyBytes);
    this.#value = stableBuffer(this.#bytesOfEntry);
  }

  lookup(key: Uint8Array, value: Uint8Array): boolean {
    assert(value.length >= this.#bytesOfEntry, `a value of map ${this.name} needs more room`);
    const result = this.#element('MAP_LOOKUP_ELEM', key);
    if (result < 0 && result !== -ENOENT) throw this.#failed('MAP_LOOKUP_ELEM', -result);
    if (result < 0) return false;
    value.set(this.#value);
    return true;
  }

  update(key: Uint8Array, value: Uint8Array): void {
    assert(value.length === this.#bytesOfEntry, `map ${this.name}: value of ${value.length} bytes`);
    this.#value.set(value);
    const result = this.#element('MAP_UPDATE_ELEM', key);
    if (result < 0) throw this.#failed('MAP_UPDATE_ELEM', -result);
  }

  delete(key: Uint8Array): boolean {
    const result = this.#element('MAP_DELETE_ELEM', key);
    if (result < 0 && result !== -ENOENT) throw this.#failed('MAP_DELETE_ELEM', -result);
    return result >= 0;
  }

  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void {
    this.#batch('MAP_UPDATE_BATCH', keys, values, count);
  }

  deleteBatch(keys: Uint8Array, count: number): void {
    this.#batch('MAP_DELETE_BATCH', keys, null, count);
  }

  *entries(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    if (this.#type === TRIE || ARRAY_TYPES.has(this.#type)) return yield* this.#oneByOne();
    let room = Math.min(batchEntries, Math.max(this.entriesMax, 1));
    const at = [stableBuffer(Math.max(8, this.keyBytes)), stableBuffer(Math.max(8, this.keyBytes))];
    for (let turn = 0, first = true; ; turn++) {
      const keys = stableBuffer(room * this.keyBytes);
      const values = stableBuffer(room * this.#bytesOfEntry);
      const [from, to] = turn % 2 === 0 ? [at[0], at[1]] : [at[1], at[0]];
      const attribute = stableBuffer(56);
      if (!first && from !== undefined) attribute.writeBigUInt64LE(addressOf(from), 0);
      if (to !== undefined) attribute.writeBigUInt64LE(addressOf(to), 8);
      attribute.writeBigUInt64LE(addressOf(keys), 16);
      attribute.writeBigUInt64LE(addressOf(values), 24);
      attribute.writeUInt32LE(room, 32);
      attribute.writeUInt32LE(this.fd, 36);
      const result = bpfResult('MAP_LOOKUP_BATCH', attribute);
      if (result === -ENOTSUPP) return yield* this.#oneByOne();
      // One bucket holds more than there was room for: the same place again, with more.
      if (result === -ENOSPC && room < this.entriesMax * 2) {
        room *= 2;
        turn++;
        continue;
      }
      if (result < 0 && result !== -ENOENT) throw this.#failed('MAP_LOOKUP_BATCH', -result);
      const found = attribute.readUInt32LE(32);
      for (let i = 0; i < found; i++)
        yield {
          key: keys.subarray(i * this.keyBytes, (i + 1) * this.keyBytes),
          value: values.subarray(i * this.#bytesOfEntry, (i + 1) * this.#bytesOfEntry),
        };
      if (result === -ENOENT) return;
      first = false;
    }
  }

  /** Tries hand out children before parents, so deleting what was just seen does not lose the place. */
  *#oneByOne(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    const key = stableBuffer(this.keyBytes);
    const next = stableBuffer(this.keyBytes);
    const value = Buffer.alloc(this.#bytesOfEntry);
    const attribute = stableBuffer(32);
    for (let first = true; ; first = false) {
      attribute.fill(0);
      attribute.writeUInt32LE(this.fd, 0);
      if (!first) attribute.writeBigUInt64LE(addressOf(key), 8);
      attribute.writeBigUInt64LE(addressOf(next), 16);
      const result = bpfResult('MAP_GET_NEXT_KEY', attribute);
      if (result === -ENOENT) return;
      if (result < 0) throw this.#failed('MAP_GET_NEXT_KEY', -result);
      key.set(next);
      if (this.lookup(key, value)) yield { key, value };
    }
  }

  #element(command: BpfCommand, key: Uint8Array): number {
    assert(key.length === this.keyBytes, `map ${this.name}: key of ${key.length} bytes`);
    this.#key.set(key);
    const attribute = this.#attribute;
    attribute.writeUInt32LE(this.fd, 0);
    attribute.writeBigUInt64LE(addressOf(this.#key), 8);
    attribute.writeBigUInt64LE(addressOf(this.#value), 16);
    return bpfResult(command, attribute.subarray(0, 32));
  }

  #batch(command: BpfCommand, keys: Uint8Array, values: Uint8Array | null, count: number): void {
    assert(keys.length >= count * this.keyBytes, `map ${this.name}: ${count} keys are not there`);
    assert(
      values === null || values.length >= count * this.#bytesOfEntry,
      `map ${this.name}: ${count} values are not there`,
    );
    const copied = stableBuffer(count * this.keyBytes);
    copied.set(keys.subarray(0, copied.length));
    const copiedValues = stableBuffer(values === null ? 0 : count * this.#bytesOfEntry);
    if (values !== null) copiedValues.set(values.subarray(0, copiedValues.length));
    for (let done = 0; done < count; ) {
      const attribute = stableBuffer(56);
      attribute.writeBigUInt64LE(addressOf(copied.subarray(done * this.keyBytes)), 16);
      if (values !== null)
        attribute.writeBigUInt64LE(addressOf(copiedValues.subarray(done * this.#bytesOfEntry)), 24);
      attribute.writeUInt32LE(count - done, 32);
      attribute.writeUInt32LE(this.fd, 36);
      const result = bpfResult(command, attribute);
      if (result >= 0) return;
      done += attribute.readUInt32LE(32);
      // An absent key stops a batch; it is what the caller wanted.
      if (result === -ENOENT && values === null) done++;
      else throw this.#failed(command, -result);
    }
  }

  #failed(command: BpfCommand, errno: number): KernelError {
    if (errno !== E2BIG && errno !== ENOSPC && errno !== ENOMEM)
      return callFailed(command, errno, `map ${this.name}`);
    return new KernelError(
      'KERNEL_MAP_FULL',
      `map ${this.name} is full: ${this.entriesMax} entries (${errnoName(errno)})`,
      errnoName(errno),
    );
  }
}
