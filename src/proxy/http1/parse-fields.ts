/**
 * The header section, in one pass: every byte is looked at once, every field gets its place in the
 * offset table, and framing is decided here and nowhere else (RFC 9112 sections 5 and 6).
 *
 * Refused rather than repaired: bare CR or LF, blanks before the colon, obs-fold, control bytes,
 * repeated or signed lengths, any coding but `chunked`, and Content-Length beside it unless the listener
 * drops it.
 */
import type { HeadView } from '#waf/head-view.ts';
import {
  ascii,
  COLON,
  CR,
  equalsFolded,
  HTAB,
  isTokenByte,
  isValueByte,
  LF,
  rangesEqualFolded,
  SP,
} from './bytes.ts';
import { classifyField, fieldKind } from './field-kind.ts';
import { complete, incomplete, parseProblem } from './parse-problem.ts';

const CHUNKED = ascii('chunked');
const CLOSE = ascii('close');
const KEEP_ALIVE = ascii('keep-alive');
const UPGRADE = ascii('upgrade');

/** Bound on the options in all Connection fields of a message; beyond it the message is refused. */
const connectionOptionsMax = 16;
/** Digits of a Content-Length after leading zeros; 10^15 - 1 is below 2^53. */
const lengthDigitsMax = 15;

/**
 * Parses `bytes[from, limit)` up to and with the empty line; sets `view.end`.
 * The caller has set `view.bytes` and cleared the view with `resetFields`.
 */
export function parseFields(
  view: HeadView,
  from: number,
  limit: number,
  dropsLengthBesideChunked = false,
): number {
  const bytes = view.bytes;
  const headers = view.headers;
  const headersMax = view.kinds.length;
  let count = 0;
  let at = from;
  let hasConnection = false;
  for (;;) {
    if (at >= limit) return incomplete;
    let byte = bytes[at] as number;
    if (byte === CR) {
      if (at + 1 >= limit) return incomplete;
      if (bytes[at + 1] !== LF) return parseProblem.lineBreak;
      view.end = at + 2;
      break;
    }
    if (count === headersMax) return parseProblem.tooManyFields;
    const nameStart = at;
    while (at < limit && isTokenByte[(byte = bytes[at] as number)] === 1) at++;
    if (at >= limit) return incomplete;
    if (byte !== COLON || at === nameStart)
      return byte === LF ? parseProblem.lineBreak : parseProblem.fieldName;
    const nameEnd = at++;
    while (at < limit && ((byte = bytes[at] as number) === SP || byte === HTAB)) at++;
    const valueStart = at;
    while (at < limit && isValueByte[(byte = bytes[at] as number)] === 1) at++;
    if (at + 1 >= limit) {
      if (at < limit && byte !== CR)
        return byte === LF ? parseProblem.lineBreak : parseProblem.fieldValue;
      return incomplete;
    }
    if (byte !== CR) return byte === LF ? parseProblem.lineBreak : parseProblem.fieldValue;
    if (bytes[at + 1] !== LF) return parseProblem.lineBreak;
    let valueEnd = at;
    while (
      valueEnd > valueStart &&
      ((byte = bytes[valueEnd - 1] as number) === SP || byte === HTAB)
    )
      valueEnd--;
    at += 2;
    const slot = count * 4;
    headers[slot] = nameStart;
    headers[slot + 1] = nameEnd;
    headers[slot + 2] = valueStart;
    headers[slot + 3] = valueEnd;
    const kind = classifyField(bytes, nameStart, nameEnd);
    view.kinds[count] = kind;
    if (kind !== fieldKind.other) {
      if (kind === fieldKind.contentLength) {
        if (view.contentLength >= 0) return parseProblem.contentLength;
        const length = parseLength(bytes, valueStart, valueEnd);
        if (length < 0) return parseProblem.contentLength;
        view.contentLength = length;
      } else if (kind === fieldKind.transferEncoding) {
        if (view.chunked) return parseProblem.transferEncodingRepeated;
        if (!equalsFolded(bytes, valueStart, valueEnd, CHUNKED))
          return parseProblem.transferEncoding;
        view.chunked = true;
      } else if (kind === fieldKind.connection) {
        hasConnection = true;
      } else if (kind === fieldKind.upgrade && view.upgradeIndex < 0) {
        view.upgradeIndex = count;
      }
    }
    count++;
  }
  view.headerCount = count;
  const hasBoth = view.chunked && view.contentLength >= 0;
  if (hasBoth && !dropsLengthBesideChunked) return parseProblem.lengthAndChunked;
  if (hasBoth) dropLength(view);
  const result = hasConnection ? parseConnection(view) : complete;
  // The connection must not be used again (RFC 9112 section 6.3).
  if (hasBoth) view.connectionClose = true;
  return result;
}

/** The coding decides: neither rules nor the server behind see the field (RFC 9112 section 6.3). */
function dropLength(view: HeadView): void {
  const { headers, kinds, headerCount } = view;
  const at = kinds.indexOf(fieldKind.contentLength);
  headers.copyWithin(at * 4, (at + 1) * 4, headerCount * 4);
  kinds.copyWithin(at, at + 1, headerCount);
  view.headerCount = headerCount - 1;
  if (view.upgradeIndex > at) view.upgradeIndex--;
  view.contentLength = -1;
}

/** Digits only; -1 for anything else, and for a number that would not fit. */
export function parseLength(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return -1;
  let at = start;
  while (at < end - 1 && bytes[at] === 48) at++;
  if (end - at > lengthDigitsMax) return -1;
  let length = 0;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/** Reads the options of every Connection field and marks the fields they name (RFC 9110, 7.6.1). */
function parseConnection(view: HeadView): number {
  const { bytes, headers, kinds, headerCount } = view;
  let options = 0;
  for (let i = 0; i < headerCount; i++) {
    if (kinds[i] !== fieldKind.connection) continue;
    let at = headers[i * 4 + 2] as number;
    const end = headers[i * 4 + 3] as number;
    while (at < end) {
      let byte = bytes[at] as number;
      if (byte === SP || byte === HTAB || byte === 44) {
        at++;
        continue;
      }
      const start = at;
      while (at < end && (byte = bytes[at] as number) !== 44) at++;
      let stop = at;
      while (stop > start && ((byte = bytes[stop - 1] as number) === SP || byte === HTAB)) stop--;
      if (++options > connectionOptionsMax) return parseProblem.connectionOptions;
      if (equalsFolded(bytes, start, stop, CLOSE)) view.connectionClose = true;
      else if (equalsFolded(bytes, start, stop, KEEP_ALIVE)) view.connectionKeepAlive = true;
      else if (equalsFolded(bytes, start, stop, UPGRADE)) view.connectionUpgrade = true;
      else nominate(view, start, stop);
    }
  }
  return complete;
}

/** Only fields without a meaning of their own can be nominated: Host or a length never goes this way. */
function nominate(view: HeadView, start: number, end: number): void {
  const { bytes, headers, kinds, headerCount } = view;
  for (let i = 0; i < headerCount; i++) {
    if (kinds[i] !== fieldKind.other) continue;
    if (
      rangesEqualFolded(bytes, headers[i * 4] as number, headers[i * 4 + 1] as number, start, end)
    ) {
      kinds[i] = fieldKind.nominated;
    }
  }
}

export function resetFields(view: HeadView, bytes: Buffer, start: number): void {
  view.bytes = bytes;
  view.start = start;
  view.end = start;
  view.major = 1;
  view.minor = 1;
  view.headerCount = 0;
  view.contentLength = -1;
  view.chunked = false;
  view.connectionClose = false;
  view.connectionKeepAlive = false;
  view.connectionUpgrade = false;
  view.upgradeIndex = -1;
}
