/** `struct list_entry` and the keys of the lists, as bytes, by the layout the kernel program was built with. */
import { WeirError } from '#core/errors.ts';
import { type Cidr, cidrOf, type IpFamily } from '#core/ip.ts';
import type { ShieldLayout } from './kernel-map.ts';

export type ListAction = 'drop' | 'monitor' | 'allow';

export type EntryCount = { readonly hits: number; readonly lastNs: number };

export const uncounted: EntryCount = { hits: 0, lastNs: 0 };

export class ListEntryCodec {
  readonly bytes: number;
  readonly #hitsAt: number;
  readonly #lastAt: number;
  readonly #actionAt: number;
  readonly #actions: ReadonlyMap<string, number>;

  constructor(layout: ShieldLayout) {
    const entry = layout.struct('list_entry');
    this.bytes = entry.bytes;
    this.#hitsAt = entry.field('hits').offset;
    this.#lastAt = entry.field('last_ns').offset;
    this.#actionAt = entry.field('action').offset;
    this.#actions = layout.enumeration('list_action');
  }

  action(name: ListAction): number {
    const value = this.#actions.get(name);
    if (value === undefined) {
      throw new WeirError(
        'KERNEL_CALL_FAILED',
        `the kernel program knows no list action "${name}"; build it anew (npm run setup)`,
      );
    }
    return value;
  }

  write(view: DataView, at: number, action: number, count: EntryCount): void {
    writeU64(view, at + this.#hitsAt, count.hits);
    writeU64(view, at + this.#lastAt, count.lastNs);
    view.setUint32(at + this.#actionAt, action, true);
  }

  readAction(view: DataView): number {
    return view.getUint32(this.#actionAt, true);
  }

  readCount(view: DataView): EntryCount {
    return { hits: readU64(view, this.#hitsAt), lastNs: readU64(view, this.#lastAt) };
  }
}

/** Keys of a table of addresses are the address alone, those of a trie have the prefix length before it, in host order. */
export function writeAddress(
  view: DataView,
  at: number,
  family: IpFamily,
  words: Uint32Array,
): void {
  for (let index = 0; index < (family === 4 ? 1 : 4); index++)
    view.setUint32(at + index * 4, words[index] as number);
}

export function readAddress(view: DataView, at: number, family: IpFamily): Uint32Array {
  const words = new Uint32Array(4);
  for (let index = 0; index < (family === 4 ? 1 : 4); index++)
    words[index] = view.getUint32(at + index * 4);
  return words;
}

export function readTrieKey(key: Uint8Array, family: IpFamily): Cidr {
  const view = viewOf(key);
  return cidrOf(family, readAddress(view, 4, family), view.getUint32(0, true));
}

export function writeTrieKey(key: Uint8Array, family: IpFamily, { prefix, words }: Cidr): void {
  const view = viewOf(key);
  view.setUint32(0, prefix, true);
  writeAddress(view, 4, family, words);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Counters stay far below 2^53: at 10 million packets a second that takes 28 years. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 4_294_967_296 + view.getUint32(at, true);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 4_294_967_296, true);
  view.setUint32(at + 4, Math.floor(value / 4_294_967_296), true);
}
