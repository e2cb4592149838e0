/**
 * What a field may be that comes by HTTP/2 (RFC 9113 section 8.2), in a head or in trailers.
 *
 * Refused rather than repaired or dropped: a proxy that drops a bad field in silence serves a request
 * that is not the one it was sent.
 */
import { ascii, equals, isTokenByte, isValueByte } from '../http1/bytes.ts';
import { fieldKind } from '../http1/field-kind.ts';
import type { Malformation } from './http2-metrics.ts';

type FieldProblem = { readonly kind: 'reset'; readonly reason: Malformation };
const fieldName: FieldProblem = { kind: 'reset', reason: 'field-name' };
const fieldValue: FieldProblem = { kind: 'reset', reason: 'field-value' };
const connectionField: FieldProblem = { kind: 'reset', reason: 'connection-field' };
const pseudoField: FieldProblem = { kind: 'reset', reason: 'pseudo-field' };

/** Token bytes without the capitals. */
const isLowerTokenByte = Uint8Array.from(isTokenByte, (is, byte) =>
  byte >= 65 && byte <= 90 ? 0 : is,
);
const PROXY_CONNECTION = ascii('proxy-connection');
const TE = ascii('te');
const TRAILERS = ascii('trailers');
const COLON = 58;

/** `kind` is what `classifyField` says of the name. */
export function checkRegularField(
  bytes: Uint8Array,
  nameStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
  kind: number,
): FieldProblem | null {
  if (nameStart === nameEnd) return fieldName;
  if (bytes[nameStart] === COLON) return pseudoField;
  for (let i = nameStart; i < nameEnd; i++)
    if (isLowerTokenByte[bytes[i] as number] !== 1) return fieldName;
  for (let i = valueStart; i < valueEnd; i++)
    if (isValueByte[bytes[i] as number] !== 1) return fieldValue;
  if (valueEnd > valueStart && (isBlank(bytes[valueStart]) || isBlank(bytes[valueEnd - 1])))
    return fieldValue;
  switch (kind) {
    case fieldKind.transferEncoding:
    case fieldKind.connection:
    case fieldKind.upgrade:
    case fieldKind.keepAlive:
      return connectionField;
    case fieldKind.hopByHop:
      if (equals(bytes, nameStart, nameEnd, PROXY_CONNECTION)) return connectionField;
      if (equals(bytes, nameStart, nameEnd, TE) && !equals(bytes, valueStart, valueEnd, TRAILERS))
        return connectionField;
      return null;
    default:
      return null;
  }
}

const isBlank = (byte: number | undefined): boolean => byte === 32 || byte === 9;
