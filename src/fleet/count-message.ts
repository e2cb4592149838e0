/**
 * What a node tells the others of its counts: binary, bounded in every part, signed as a whole and parsed once.
 *
 * ```
 * "weir-counts-1" NUL
 * fleet, node          length (1 byte), text
 * epoch                6 bytes: one number for each process of the node, of no order
 * sequence             4 bytes: the first message of an epoch is 1
 * flags                1 byte: bit 0, everybody is asked for all that it has counted
 * asks                 1 byte, so many names: members of whom a message is missing here
 * groups to the end    node (empty: the sender), epoch, module, windowMs (4), index (6), entries (2),
 *                      each: key (length 2, latin1), count (4)
 * Ed25519 signature    64 bytes, of all before it
 * ```
 *
 * Numbers are of the larger end first. A group of another node is what it had counted before it began anew: it
 * has forgotten that, and asks.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import type { Component, Replica } from './fleet-counters.ts';
import { isMemberName } from './subjects.ts';

export const countMessageBytesMax = 65_536;
/** A key, and what a limit puts before it. */
export const countKeyBytesMax = 320;
const moduleBytesMax = 128;
export const asksMax = 255;
const windowMsMax = 86_400_000;
const signatureBytes = 64;
const domain = Buffer.from('weir-counts-1\0', 'latin1');

export type CountHead = {
  readonly fleet: string;
  readonly node: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly wantsAll: boolean;
  readonly asks: readonly string[];
};
export type CountMessage = CountHead & { readonly components: readonly Component[] };

export type ParsedCounts =
  | { readonly ok: true; readonly message: CountMessage }
  | { readonly ok: false; readonly reason: 'malformed' | 'unsigned' | 'not-yours' };

export class CountMessageWriter {
  readonly #bytes = Buffer.allocUnsafe(countMessageBytesMax);
  #at = 0;

  /**
   * One message, and how many of `components` are in it: as many as there is room for. Those of one group are
   * best beside each other.
   */
  write(head: CountHead, components: readonly Component[], key: KeyObject): [Buffer, number] {
    this.#at = domain.copy(this.#bytes);
    this.#text(head.fleet);
    this.#text(head.node);
    this.#number(head.epoch, 6);
    this.#number(head.sequence, 4);
    this.#number(head.wantsAll ? 1 : 0, 1);
    this.#number(head.asks.length, 1);
    for (const name of head.asks) this.#text(name);
    const taken = this.#groups(components);
    const signed = this.#bytes.subarray(0, this.#at);
    return [Buffer.concat([signed, sign(null, signed, key)]), taken];
  }

  #groups(components: readonly Component[]): number {
    let group: Component | null = null;
    let entriesAt = 0;
    let entries = 0;
    for (const [index, component] of components.entries()) {
      const isSame = group !== null && isOneGroup(group, component) && entries < 0xffff;
      const bytes = 6 + component.key.length + (isSame ? 0 : 60 + 2 * moduleBytesMax);
      if (this.#at + bytes > countMessageBytesMax - signatureBytes) return index;
      if (!isSame) {
        group = component;
        entries = 0;
        this.#text(component.node);
        this.#number(component.epoch, 6);
        this.#text(component.module);
        this.#number(component.windowMs, 4);
        this.#number(component.index, 6);
        entriesAt = this.#at;
        this.#number(0, 2);
      }
      this.#number(component.key.length, 2);
      this.#at += this.#bytes.write(component.key, this.#at, 'latin1');
      this.#number(component.count, 4);
      this.#bytes.writeUInt16BE(++entries, entriesAt);
    }
    return components.length;
  }

  #text(text: string): void {
    const length = this.#bytes.write(text, this.#at + 1, 'utf8');
    this.#bytes[this.#at] = length;
    this.#at += 1 + length;
  }

  #number(value: number, bytes: 1 | 2 | 4 | 6): void {
    this.#at = this.#bytes.writeUIntBE(value, this.#at, bytes);
  }
}

/** `from` is the member whose subject it came on, `key` its public key. */
export function parseCountMessage(
  bytes: Uint8Array,
  terms: { readonly fleet: string; readonly from: string; readonly key: KeyObject },
): ParsedCounts {
  if (bytes.length > countMessageBytesMax || bytes.length < domain.length + signatureBytes)
    return { ok: false, reason: 'malformed' };
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const signed = all.subarray(0, -signatureBytes);
  if (!signed.subarray(0, domain.length).equals(domain)) return { ok: false, reason: 'malformed' };
  if (!verify(null, signed, terms.key, all.subarray(-signatureBytes)))
    return { ok: false, reason: 'unsigned' };
  const message = read(new Reader(signed, domain.length));
  if (message === null) return { ok: false, reason: 'malformed' };
  if (message.fleet !== terms.fleet || message.node !== terms.from)
    return { ok: false, reason: 'not-yours' };
  return { ok: true, message };
}

function read(from: Reader): CountMessage | null {
  const fleet = from.text();
  const node = from.text();
  const epoch = from.number(6);
  const sequence = from.number(4);
  const flags = from.number(1);
  const asks: string[] = [];
  for (let left = from.number(1); left > 0; left--) asks.push(from.text());
  const components: Component[] = [];
  while (!from.isDone) {
    const replica: Replica = { node: from.text(), epoch: from.number(6) };
    const module = from.text();
    const windowMs = from.number(4);
    const index = from.number(6);
    const entries = from.number(2);
    if (replica.node !== '' && !isMemberName(replica.node)) return null;
    if (module === '' || windowMs < 1 || windowMs > windowMsMax || entries === 0) return null;
    for (let left = entries; left > 0 && !from.isShort; left--) {
      const key = from.key();
      components.push({ module, key, windowMs, index, ...replica, count: from.number(4) });
    }
  }
  if (from.isShort || flags > 1 || sequence === 0 || !asks.every(isMemberName)) return null;
  return { fleet, node, epoch, sequence, wantsAll: flags === 1, asks, components };
}

/** Reads zeroes where there is nothing left, and says so. */
class Reader {
  readonly #bytes: Buffer;
  #at: number;
  isShort = false;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isDone(): boolean {
    return this.isShort || this.#at === this.#bytes.length;
  }

  number(bytes: 1 | 2 | 4 | 6): number {
    return this.#has(bytes) ? this.#bytes.readUIntBE((this.#at += bytes) - bytes, bytes) : 0;
  }

  text(): string {
    return this.#slice(this.number(1), 'utf8');
  }

  key(): string {
    const length = this.number(2);
    if (length === 0 || length > countKeyBytesMax) this.isShort = true;
    return this.#slice(length, 'latin1');
  }

  #slice(length: number, encoding: 'utf8' | 'latin1'): string {
    if (!this.#has(length)) return '';
    this.#at += length;
    return this.#bytes.toString(encoding, this.#at - length, this.#at);
  }

  #has(bytes: number): boolean {
    if (this.#at + bytes > this.#bytes.length) this.isShort = true;
    return !this.isShort;
  }
}

export const isOneGroup = (a: Component, b: Component): boolean =>
  a.windowMs === b.windowMs &&
  a.index === b.index &&
  a.epoch === b.epoch &&
  a.node === b.node &&
  a.module === b.module;
