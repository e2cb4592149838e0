/**
 * Trailers of a request, as lines that may travel on; and such lines as a field block.
 *
 * Which fields may is said in one place for both versions, `#proxy/http1/trailers.ts`.
 */
import { COLON, CR } from '../http1/bytes.ts';
import { classifyField } from '../http1/field-kind.ts';
import { filterTrailers, trailerBytesMax } from '../http1/trailers.ts';
import { checkRegularField } from './field-checks.ts';
import type { FieldList } from './field-list.ts';
import type { HpackEncoder } from './hpack-encoder.ts';

/** `name: value CR LF` lines; null when a field is malformed, or all of them are too long. */
export function readTrailers(fields: FieldList): Buffer | null {
  if (fields.overflow || fields.at > trailerBytesMax) return null;
  const { bytes, offsets, count } = fields;
  for (let i = 0; i < count; i++) {
    const nameStart = offsets[i * 4] as number;
    const nameEnd = offsets[i * 4 + 1] as number;
    const valueStart = offsets[i * 4 + 2] as number;
    const valueEnd = offsets[i * 4 + 3] as number;
    const kind = classifyField(bytes, nameStart, nameEnd);
    if (checkRegularField(bytes, nameStart, nameEnd, valueStart, valueEnd, kind) !== null)
      return null;
  }
  return filterTrailers(bytes.subarray(0, fields.at));
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
