/** Field blocks in tests: as text in, as text out. */
import { FieldList } from '#proxy/http2/field-list.ts';
import type { HpackDecoder } from '#proxy/http2/hpack-decoder.ts';
import type { HpackEncoder } from '#proxy/http2/hpack-encoder.ts';

export const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** The fields of a block, or null for a COMPRESSION_ERROR. */
export function decodeBlock(
  decoder: HpackDecoder,
  block: Uint8Array,
  list = new FieldList(),
  bytesMax = 65_536,
  fieldsMax = 500,
): [string, string][] | null {
  list.reset(bytesMax, fieldsMax);
  return decoder.decode(block, 0, block.length, list) ? fieldsOf(list) : null;
}

export function fieldsOf(list: FieldList): [string, string][] {
  const text = (i: number): string =>
    list.bytes.toString('latin1', list.offsets[i], list.offsets[i + 1]);
  return Array.from({ length: list.count }, (_, i) => [text(i * 4), text(i * 4 + 2)]);
}

export function encodeFields(
  encoder: HpackEncoder,
  fields: readonly (readonly [string, string])[],
): Buffer {
  encoder.begin();
  for (const [name, value] of fields) {
    const bytes = Buffer.from(name + value, 'latin1');
    encoder.field(bytes, 0, name.length, name.length, bytes.length);
  }
  return Buffer.from(encoder.bytes.subarray(0, encoder.length));
}
