/**
 * Field blocks to fields (RFC 7541 sections 3 and 6), one decoder a session.
 *
 * Anything wrong in a block is the session's end: the tables of both sides would differ from here on
 * (section 2.2 of RFC 7541, section 4.3 of RFC 9113). A string too long for the list is skipped and the
 * list marked as overflowing; it is larger than the table too, so all it does there is to empty it.
 */
import { DynamicTable, tableBytesMax } from './dynamic-table.ts';
import type { FieldList } from './field-list.ts';
import { decodeHuffman, huffmanInvalid, huffmanTooLong } from './huffman.ts';
import { staticBytes, staticCount, staticSpans } from './static-table.ts';

/** Bits of an integer beyond its prefix: 2^21 is above every index, length and table size there is. */
const integerBitsMax = 21;

export class HpackDecoder {
  readonly #table = new DynamicTable();
  #at = 0;

  /**
   * Decodes `bytes[start, end)` into `fields`, which has been reset. False ends the session: the list is a
   * bomb, or what came is a COMPRESSION_ERROR.
   */
  decode(bytes: Uint8Array, start: number, end: number, fields: FieldList): boolean {
    this.#at = start;
    let mayResize = true;
    while (this.#at < end) {
      const byte = bytes[this.#at] as number;
      if (byte >= 0x80) {
        const index = this.#integer(bytes, end, 7);
        if (!this.#copyIndexed(index, fields)) return false;
      } else if (byte >= 0x20 && byte < 0x40) {
        const size = this.#integer(bytes, end, 5);
        // Only in front of the first field (section 4.2), never above what we offer.
        if (!mayResize || size < 0 || size > tableBytesMax) return false;
        this.#table.setMax(size);
        continue;
      } else if (!this.#literal(bytes, end, byte >= 0x40, fields)) return false;
      if (fields.isBomb) return false;
      mayResize = false;
    }
    return true;
  }

  #literal(bytes: Uint8Array, end: number, isIndexed: boolean, fields: FieldList): boolean {
    const nameStart = fields.at;
    const index = this.#integer(bytes, end, isIndexed ? 6 : 4);
    if (index < 0) return false;
    if (index === 0) {
      if (!this.#string(bytes, end, fields)) return false;
    } else if (!this.#copyName(index, fields)) return false;
    const nameEnd = fields.at;
    const valueStart = separate(fields);
    if (!this.#string(bytes, end, fields)) return false;
    if (isIndexed) {
      if (fields.skipped) this.#table.clear();
      else
        this.#table.insert(fields.bytes, nameStart, nameEnd, fields.bytes, valueStart, fields.at);
    }
    fields.close(nameStart, nameEnd, valueStart);
    return true;
  }

  #copyIndexed(index: number, fields: FieldList): boolean {
    const nameStart = fields.at;
    if (index <= 0 || !this.#copyName(index, fields)) return false;
    const nameEnd = fields.at;
    const valueStart = separate(fields);
    if (index <= staticCount) {
      copy(
        fields,
        staticBytes,
        staticSpans[index * 3 + 1] as number,
        staticSpans[index * 3 + 2] as number,
      );
    } else copy(fields, this.#table.arena, this.#table.nameEnd, this.#table.end);
    fields.close(nameStart, nameEnd, valueStart);
    return true;
  }

  /** Writes the name of an entry; a dynamic one stays found in the table. */
  #copyName(index: number, fields: FieldList): boolean {
    if (index <= staticCount) {
      copy(
        fields,
        staticBytes,
        staticSpans[index * 3] as number,
        staticSpans[index * 3 + 1] as number,
      );
      return true;
    }
    const table = this.#table;
    const age = index - staticCount - 1;
    if (age >= table.count) return false;
    table.find(table.inserted - 1 - age);
    copy(fields, table.arena, table.start, table.nameEnd);
    return true;
  }

  /** -1 where it is cut off or too large. */
  #integer(bytes: Uint8Array, end: number, prefixBits: number): number {
    if (this.#at >= end) return -1;
    const mask = (1 << prefixBits) - 1;
    let value = (bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < integerBitsMax; shift += 7) {
      if (this.#at >= end) return -1;
      const byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return -1;
  }

  #string(bytes: Uint8Array, end: number, fields: FieldList): boolean {
    if (this.#at >= end) return false;
    const isHuffman = (bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(bytes, end, 7);
    const start = this.#at;
    const stop = start + length;
    if (length < 0 || stop > end) return false;
    this.#at = stop;
    // The line end behind the value has to fit as well.
    const limit = fields.bytes.length - 4;
    let at = fields.at;
    if (isHuffman) at = decodeHuffman(fields.bytes, at, limit, bytes, start, stop);
    else if (at + length > limit) at = huffmanTooLong;
    else for (let i = start; i < stop; i++) fields.bytes[at++] = bytes[i] as number;
    if (at === huffmanInvalid) return false;
    if (at === huffmanTooLong) fields.skip();
    else fields.at = at;
    return true;
  }
}

/** `: ` between name and value. Returns where the value begins. */
function separate(fields: FieldList): number {
  fields.bytes[fields.at++] = 58;
  fields.bytes[fields.at++] = 32;
  return fields.at;
}

function copy(fields: FieldList, from: Uint8Array, start: number, end: number): void {
  const { bytes } = fields;
  let at = fields.at;
  for (let i = start; i < end; i++) bytes[at++] = from[i] as number;
  fields.at = at;
}
