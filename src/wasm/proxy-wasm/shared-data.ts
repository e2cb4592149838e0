/**
 * What a proxy-wasm module keeps beyond a request: values with a version, for compare-and-swap, and
 * queues. One for each module name and worker; it outlives instances and versions of the module.
 *
 * Everything lies in this worker's memory, so a bound stands on each part; what does not fit is refused,
 * never pushed out: a filter that counts would silently start anew.
 */
import { status } from './abi.ts';

export const sharedKeysMax = 4_096;
/** Keys and values together. */
export const sharedBytesMax = 4 * 1024 * 1024;
export const sharedKeyBytesMax = 256;
export const queuesMax = 16;
export const queueItemsMax = 1_024;

type SharedValue = { readonly bytes: Buffer; readonly version: number };
type Queue = { readonly name: string; readonly items: Buffer[] };

export class SharedData {
  readonly #values = new Map<string, SharedValue>();
  readonly #queues: Queue[] = [];
  #bytes = 0;
  #lastVersion = 0;

  get(key: string): SharedValue | undefined {
    return this.#values.get(key);
  }

  /** A `version` of 0 overwrites whatever is there. Keeps `value` itself. */
  set(key: string, value: Buffer, version: number): number {
    const before = this.#values.get(key);
    if (version !== 0 && version !== (before?.version ?? 0)) return status.casMismatch;
    const bytes =
      this.#bytes + value.length + (before === undefined ? key.length : -before.bytes.length);
    if (key.length > sharedKeyBytesMax || bytes > sharedBytesMax) return status.internalFailure;
    if (before === undefined && this.#values.size >= sharedKeysMax) return status.internalFailure;
    this.#bytes = bytes;
    // Never 0, which means "any".
    this.#lastVersion = this.#lastVersion >= 0xffff_ffff ? 1 : this.#lastVersion + 1;
    this.#values.set(key, { bytes: value, version: this.#lastVersion });
    return status.ok;
  }

  /** The queue's number, from 1 on; 0 when there are too many. */
  registerQueue(name: string): number {
    const known = this.resolveQueue(name);
    if (known !== 0) return known;
    if (this.#queues.length >= queuesMax) return 0;
    return this.#queues.push({ name, items: [] });
  }

  /** 0 for none. */
  resolveQueue(name: string): number {
    return this.#queues.findIndex((queue) => queue.name === name) + 1;
  }

  enqueue(token: number, item: Buffer): number {
    const queue = this.#queues[token - 1];
    if (queue === undefined) return status.notFound;
    if (queue.items.length >= queueItemsMax || this.#bytes + item.length > sharedBytesMax)
      return status.internalFailure;
    this.#bytes += item.length;
    queue.items.push(item);
    return status.ok;
  }

  /** A status when there is no item. */
  dequeue(token: number): Buffer | number {
    const queue = this.#queues[token - 1];
    if (queue === undefined) return status.notFound;
    const item = queue.items.shift();
    if (item === undefined) return status.empty;
    this.#bytes -= item.length;
    return item;
  }
}
