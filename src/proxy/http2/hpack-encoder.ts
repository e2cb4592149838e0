/**
 * Fields to a field block (RFC 7541 section 6), one encoder a session.
 *
 * A field enters the dynamic table when it is seen for the second time: what repeats (a server's name, a
 * content type, the date within a second) becomes one byte, and what never does (a length, an ETag, an
 * id) never pushes it out. `#seen` remembers by hash; a collision costs an entry and nothing else, as
 * bytes are compared before an index is used.
 *
 * Set-Cookie is never indexed (section 7.1.3), so that nobody can guess it by the size of answers.
 */
import { assert } from '#core/assert.ts';
import { DynamicTable, tableBytesMax } from './dynamic-table.ts';
import { encodeHuffman, huffmanLength } from './huffman.ts';
import { staticCount, staticNameIndex, statusIndices, statusNameIndex } from './static-table.ts';

/** Room for the largest response head an upstream may send, with what the edge adds. */
const blockBytesMax = 98_304;
/** Names longer than this, which no standard knows, are written as they are each time. */
const nameBytesMax = 128;
const seenSlots = 256;
const SET_COOKIE_INDEX = 55;

const INDEXED = 0x80;
const INDEXING = 0x40;
const SIZE_UPDATE = 0x20;
const NEVER = 0x10;
const PLAIN = 0x00;

/** One block a worker: filled and copied out within one callback. */
const block = Buffer.allocUnsafeSlow(blockBytesMax);
const lower = Buffer.allocUnsafeSlow(nameBytesMax);

export class HpackEncoder {
  readonly #table = new DynamicTable();
  /** By slot: the hash last seen there, and the number of its entry or -1. */
  readonly #seen = new Int32Array(seenSlots);
  readonly #entries = new Int32Array(seenSlots).fill(-1);
  /** The smallest bound the peer set since the last block, -1 when it has not. */
  #smallest = -1;
  #wanted = tableBytesMax;
  #at = 0;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; we use no more than the default. */
  setPeerMax(size: number): void {
    this.#wanted = Math.min(size, tableBytesMax);
    if (this.#smallest < 0 || this.#wanted < this.#smallest) this.#smallest = this.#wanted;
  }

  begin(): void {
    this.#at = 0;
    if (this.#smallest < 0) return;
    // Both the smallest and the last value have to be said (section 4.2).
    if (this.#smallest < this.#table.max) {
      this.#table.setMax(this.#smallest);
      this.#integer(SIZE_UPDATE, 5, this.#smallest);
    }
    if (this.#wanted !== this.#table.max) {
      this.#table.setMax(this.#wanted);
      this.#integer(SIZE_UPDATE, 5, this.#wanted);
    }
    this.#smallest = -1;
  }

  /** What has been encoded since `begin`; valid until the next one of any session. */
  get length(): number {
    return this.#at;
  }

  get bytes(): Buffer {
    return block;
  }

  status(code: number): void {
    const index = statusIndices[code] as number;
    if (index !== 0) {
      block[this.#at++] = INDEXED | index;
      return;
    }
    block[this.#at++] = PLAIN | statusNameIndex;
    block[this.#at++] = 3;
    block[this.#at++] = 48 + Math.floor(code / 100);
    block[this.#at++] = 48 + (Math.floor(code / 10) % 10);
    block[this.#at++] = 48 + (code % 10);
  }

  /** One field; the name may be in any case and goes out in lower case. */
  field(
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): void {
    assert(
      this.#at + nameEnd - nameStart + valueEnd - valueStart + 16 <= blockBytesMax,
      'heads are bounded where they are parsed',
    );
    const nameLength = nameEnd - nameStart;
    if (nameLength > nameBytesMax) {
      block[this.#at++] = PLAIN;
      this.#longName(bytes, nameStart, nameEnd);
      this.#string(bytes, valueStart, valueEnd);
      return;
    }
    let hash = 0x811c9dc5;
    for (let i = 0; i < nameLength; i++) {
      let byte = bytes[nameStart + i] as number;
      if (byte >= 65 && byte <= 90) byte |= 32;
      lower[i] = byte;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    const nameIndex = staticNameIndex(lower, 0, nameLength);
    if (nameIndex === SET_COOKIE_INDEX) {
      this.#literal(NEVER, 4, nameIndex, nameLength, bytes, valueStart, valueEnd);
      return;
    }
    for (let i = valueStart; i < valueEnd; i++)
      hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    hash ^= hash >>> 16;
    const slot = hash & (seenSlots - 1);
    if (this.#seen[slot] !== hash) {
      this.#seen[slot] = hash;
      this.#entries[slot] = -1;
      this.#literal(PLAIN, 4, nameIndex, nameLength, bytes, valueStart, valueEnd);
      return;
    }
    const table = this.#table;
    const entry = this.#entries[slot] as number;
    if (entry >= table.inserted - table.count) {
      table.find(entry);
      if (this.#isFound(nameLength, bytes, valueStart, valueEnd)) {
        this.#integer(INDEXED, 7, staticCount + table.inserted - entry);
        return;
      }
    }
    this.#literal(INDEXING, 6, nameIndex, nameLength, bytes, valueStart, valueEnd);
    this.#entries[slot] = table.insert(lower, 0, nameLength, bytes, valueStart, valueEnd)
      ? table.inserted - 1
      : -1;
  }

  /** A field whose value is new each time: neither looked up nor remembered. `name` is in lower case. */
  freshField(name: Uint8Array, value: string): void {
    block[this.#at++] = PLAIN;
    this.#string(name, 0, name.length);
    this.#integer(0, 7, value.length);
    this.#at += block.write(value, this.#at, 'latin1');
  }

  #isFound(nameLength: number, bytes: Uint8Array, valueStart: number, valueEnd: number): boolean {
    const { arena, start, nameEnd, end } = this.#table;
    if (nameEnd - start !== nameLength || end - nameEnd !== valueEnd - valueStart) return false;
    for (let i = 0; i < nameLength; i++) if (arena[start + i] !== lower[i]) return false;
    for (let i = valueStart, j = nameEnd; i < valueEnd; i++, j++)
      if (arena[j] !== bytes[i]) return false;
    return true;
  }

  #literal(
    kind: number,
    prefixBits: number,
    nameIndex: number,
    nameLength: number,
    bytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.#integer(kind, prefixBits, nameIndex);
    if (nameIndex === 0) this.#string(lower, 0, nameLength);
    this.#string(bytes, valueStart, valueEnd);
  }

  #string(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const coded = huffmanLength(bytes, start, end);
    if (coded < length) {
      this.#integer(0x80, 7, coded);
      this.#at = encodeHuffman(block, this.#at, bytes, start, end);
      return;
    }
    this.#integer(0, 7, length);
    let at = this.#at;
    for (let i = start; i < end; i++) block[at++] = bytes[i] as number;
    this.#at = at;
  }

  #longName(bytes: Uint8Array, start: number, end: number): void {
    this.#integer(0, 7, end - start);
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number;
      block[this.#at++] = byte >= 65 && byte <= 90 ? byte | 32 : byte;
    }
  }

  #integer(first: number, prefixBits: number, value: number): void {
    const mask = (1 << prefixBits) - 1;
    if (value < mask) {
      block[this.#at++] = first | value;
      return;
    }
    block[this.#at++] = first | mask;
    let rest = value - mask;
    while (rest >= 0x80) {
      block[this.#at++] = 0x80 | (rest & 0x7f);
      rest >>>= 7;
    }
    block[this.#at++] = rest;
  }
}
