/**
 * Trailers of a request, as lines that may travel on; and such lines as a field block.
 *
 * Only fields without a meaning of their own pass: a length, a host or a forwarding field behind the body
 * would come after every decision that rests on it (RFC 9110 section 6.5.1).
 */
import { COLON, CR } from '../http1/bytes.ts';
import { classifyField, fieldKind } from '../http1/field-kind.ts';
import { checkRegularField } from './field-checks.ts';
import type { FieldList } from './field-list.ts';
import type { HpackEncoder } from './hpack-encoder.ts';

/** `name: value CR LF` lines; null when a field is malformed. */
export function readTrailers(fields: FieldList): Buffer | null {
  if (fields.overflow) return null;
  const { bytes, offsets, count } = fields;
  const lines = Buffer.allocUnsafe(fields.at);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const nameStart = offsets[i * 4] as number;
    const nameEnd = offsets[i * 4 + 1] as number;
    const valueStart = offsets[i * 4 + 2] as number;
    const valueEnd = offsets[i * 4 + 3] as number;
    const kind = classifyField(bytes, nameStart, nameEnd);
    if (checkRegularField(bytes, nameStart, nameEnd, valueStart, valueEnd, kind) !== null)
      return null;
    if (kind === fieldKind.other) at += bytes.copy(lines, at, nameStart, valueEnd + 2);
  }
  return lines.subarray(0, at);
}

/** Adds `name: value CR LF` lines, which are known to be clean, to the encoder's block. */
export function encodeLines(encoder: HpackEncoder, lines: Buffer): void {
  let at = 0;
  while (at < lines.length) {
    const nameEnd = lines.indexOf(COLON, at);
    const valueEnd = lines.indexOf(CR, nameEnd);
    encoder.field(lines, at, nameEnd, nameEnd + 2, valueEnd);
    at = valueEnd + 2;
  }
}
