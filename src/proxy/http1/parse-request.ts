/**
 * The request head: request line, then fields (RFC 9112 sections 2 to 6), into a `RequestView`.
 *
 * One blank line before a request is skipped (section 2.2). The parser holds no state between calls: an
 * incomplete head is parsed again when a further line end has arrived, which the limits on size and
 * field count keep cheap.
 */
import type { RequestView } from '#waf/request-view.ts';
import {
  ascii,
  CR,
  equals,
  equalsFolded,
  isAuthorityByte,
  isDigit,
  isTargetByte,
  isTokenByte,
  LF,
  SP,
} from './bytes.ts';
import { fieldKind } from './field-kind.ts';
import { parseFields, resetFields } from './parse-fields.ts';
import { complete, incomplete, parseProblem } from './parse-problem.ts';

export type HeadLimits = {
  readonly headBytesMax: number;
  readonly urlBytesMax: number;
  /** With chunked coding a Content-Length is ignored instead of refused (RFC 9112 section 6.3). */
  readonly dropsLengthBesideChunked?: boolean;
  /** A request line without a version is a request to refuse, instead of none (RFC 1945 section 4.1, Simple-Request). */
  readonly readsWithoutVersion?: boolean;
};

const SLASH = 47;
const QUESTION = 63;
const HTTP_SCHEME = ascii('http://');
const HTTPS_SCHEME = ascii('https://');
const CONTINUE = ascii('100-continue');
const VERSION = ascii('HTTP/');
const OPTIONS = ascii('OPTIONS');
const CONNECT = ascii('CONNECT');
const GET = ascii('GET');

/** Parses a head that begins at `from`; `limit` is where the bytes that have arrived end. */
export function parseRequest(
  view: RequestView,
  bytes: Buffer,
  from: number,
  limit: number,
  limits: HeadLimits,
): number {
  let start = from;
  if (bytes[start] === CR) {
    if (start + 1 >= limit) return incomplete;
    if (bytes[start + 1] !== LF) return parseProblem.lineBreak;
    start += 2;
  }
  resetFields(view, bytes, start);
  view.queryStart = -1;
  view.hostStart = -1;
  view.hostEnd = -1;
  view.expectContinue = false;
  view.refusal = 0;
  // What lies beyond the limit is never looked at: a head that needs it is too large.
  const cap = start + limits.headBytesMax;
  const end = limit < cap ? limit : cap;
  const result = parseRequestLine(view, start, end, limits);
  if (result === incomplete && end === cap) {
    return view.targetEnd < view.targetStart
      ? parseProblem.targetTooLong
      : parseProblem.headTooLarge;
  }
  if (result !== complete) return result;
  return checkRequest(view);
}

function parseRequestLine(
  view: RequestView,
  start: number,
  limit: number,
  limits: HeadLimits,
): number {
  const bytes = view.bytes;
  let at = start;
  let byte = 0;
  // Until the target is whole, targetEnd < targetStart says so to the caller.
  view.targetStart = start;
  view.targetEnd = start - 1;
  while (at < limit && isTokenByte[(byte = bytes[at] as number)] === 1) at++;
  if (at >= limit) return incomplete;
  if (byte !== SP || at === start) return parseProblem.method;
  view.methodEnd = at++;
  view.targetStart = at;
  const targetLimit = at + limits.urlBytesMax;
  let question = -1;
  while (at < limit && isTargetByte[(byte = bytes[at] as number)] === 1) {
    if (byte === QUESTION && question < 0) question = at;
    at++;
  }
  if (at > targetLimit) return parseProblem.targetTooLong;
  if (at >= limit) return incomplete;
  // Some put a blank where the version would follow.
  const lineEnd = byte === SP ? at + 1 : at;
  if (limits.readsWithoutVersion === true && lineEnd < limit && bytes[lineEnd] === CR)
    return endWithoutVersion(view, at, question, lineEnd, limit);
  if (byte !== SP)
    return byte === CR || byte === LF ? parseProblem.requestLine : parseProblem.target;
  if (at === view.targetStart) return parseProblem.requestLine;
  view.targetEnd = at++;
  view.pathEnd = question < 0 ? view.targetEnd : question;
  view.queryStart = question < 0 ? -1 : question + 1;
  if (limit - at < 10) {
    // Not whole yet: refuse at once what can no longer become a version.
    for (let i = 0; i < 5 && at + i < limit; i++)
      if (bytes[at + i] !== VERSION[i]) return parseProblem.requestLine;
    return incomplete;
  }
  for (let i = 0; i < 5; i++) if (bytes[at + i] !== VERSION[i]) return parseProblem.requestLine;
  const major = bytes[at + 5] as number;
  const minor = bytes[at + 7] as number;
  if (!isDigit(major) || bytes[at + 6] !== 46 || !isDigit(minor)) return parseProblem.requestLine;
  if (bytes[at + 8] !== CR)
    return bytes[at + 8] === LF ? parseProblem.lineBreak : parseProblem.requestLine;
  if (bytes[at + 9] !== LF) return parseProblem.lineBreak;
  // HTTP/0.9 had no version in its request line: who writes one is no client.
  if (major === 48) return parseProblem.requestLine;
  if (major !== 49 || minor > 49) view.refusal = parseProblem.version;
  view.major = major - 48;
  view.minor = minor === 48 && major === 49 ? 0 : 1;
  const target = parseTarget(view);
  if (target !== complete) return target;
  return parseFields(view, at + 10, limit, limits.dropsLengthBesideChunked === true);
}

/** A request of HTTP/0.9, which is its line and no more. Whatever follows belongs to no request. */
function endWithoutVersion(
  view: RequestView,
  targetEnd: number,
  question: number,
  lineEnd: number,
  limit: number,
): number {
  const { bytes, start, methodEnd, targetStart } = view;
  const isGet = equals(bytes, start, methodEnd, GET);
  if (!isGet || targetEnd === targetStart) return parseProblem.requestLine;
  if (lineEnd + 1 === limit) return incomplete;
  if (bytes[lineEnd + 1] !== LF) return parseProblem.lineBreak;
  view.targetEnd = targetEnd;
  view.pathEnd = question < 0 ? targetEnd : question;
  view.queryStart = question < 0 ? -1 : question + 1;
  view.major = 0;
  view.minor = 0;
  view.refusal = parseProblem.withoutVersion;
  view.end = lineEnd + 2;
  return parseTarget(view);
}

/** The four forms of RFC 9112 section 3.2; sets the path, and the authority of absolute-form. */
function parseTarget(view: RequestView): number {
  const { bytes, targetStart, targetEnd } = view;
  view.pathStart = targetStart;
  if (bytes[targetStart] === SLASH) return complete;
  // Methods are case-sensitive (RFC 9110 section 9.1).
  if (equals(bytes, view.start, view.methodEnd, CONNECT)) {
    view.hostStart = targetStart;
    view.hostEnd = targetEnd;
    view.pathEnd = targetEnd;
    return isAuthority(bytes, targetStart, targetEnd) && hasPort(bytes, targetStart, targetEnd)
      ? complete
      : parseProblem.target;
  }
  if (targetEnd - targetStart === 1 && bytes[targetStart] === 42) {
    return equals(bytes, view.start, view.methodEnd, OPTIONS) ? complete : parseProblem.target;
  }
  let authority = -1;
  if (equalsFolded(bytes, targetStart, targetStart + 7, HTTP_SCHEME)) authority = targetStart + 7;
  else if (equalsFolded(bytes, targetStart, targetStart + 8, HTTPS_SCHEME))
    authority = targetStart + 8;
  if (authority < 0 || authority > targetEnd) return parseProblem.target;
  let at = authority;
  while (at < targetEnd && isAuthorityByte[bytes[at] as number] === 1) at++;
  if (at === authority || !isAuthority(bytes, authority, at)) return parseProblem.target;
  // Only a path or a query may follow; anything else (user information, a backslash) is refused.
  if (at < targetEnd && bytes[at] !== SLASH && bytes[at] !== QUESTION) return parseProblem.target;
  view.hostStart = authority;
  view.hostEnd = at;
  view.pathStart = at;
  return complete;
}

/** Rules that need the whole head: Host (RFC 9112, 3.2), Expect (RFC 9110, 10.1.1), coding and version. */
function checkRequest(view: RequestView): number {
  const { bytes, headers, kinds, headerCount } = view;
  let hosts = 0;
  for (let i = 0; i < headerCount; i++) {
    const kind = kinds[i];
    if (kind === fieldKind.host) {
      hosts++;
      const start = headers[i * 4 + 2] as number;
      const end = headers[i * 4 + 3] as number;
      // HTTP/1.0 had no Host: an empty one says as much as none.
      if (start === end && view.minor === 0) continue;
      if (!isAuthority(bytes, start, end)) return parseProblem.hostMalformed;
      // With absolute-form the target's authority counts and Host is replaced (RFC 9112, 3.2.2).
      if (view.hostStart < 0) {
        view.hostStart = start;
        view.hostEnd = end;
      }
    } else if (kind === fieldKind.expect) {
      if (
        !equalsFolded(bytes, headers[i * 4 + 2] as number, headers[i * 4 + 3] as number, CONTINUE)
      ) {
        view.refusal = parseProblem.expectation;
      } else view.expectContinue = view.minor === 1;
    }
  }
  if (hosts > 1 || (hosts === 0 && view.minor === 1 && view.refusal === 0))
    return parseProblem.hostMissing;
  if (view.chunked && view.minor === 0) return parseProblem.transferEncodingOld;
  return complete;
}

/** Of an authority; the target of CONNECT has to have one (RFC 9112 section 3.2.3). */
function hasPort(bytes: Uint8Array, start: number, end: number): boolean {
  let at = end;
  while (at > start && isDigit(bytes[at - 1] as number)) at--;
  return at > start && bytes[at - 1] === 58;
}

/** `uri-host [":" port]` without user information; brackets only around an IPv6 literal. */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return false;
  let at = start;
  if (bytes[at] === 91) {
    at++;
    while (at < end && bytes[at] !== 93) {
      const byte = (bytes[at] as number) | 32;
      if (
        !(
          isDigit(bytes[at] as number) ||
          (byte >= 97 && byte <= 102) ||
          bytes[at] === 58 ||
          bytes[at] === 46
        )
      )
        return false;
      at++;
    }
    if (at === end || at === start + 1) return false;
    at++;
  } else {
    while (at < end && bytes[at] !== 58) {
      const byte = bytes[at] as number;
      if (isAuthorityByte[byte] !== 1 || byte === 91 || byte === 93) return false;
      at++;
    }
    if (at === start) return false;
  }
  if (at === end) return true;
  if (bytes[at] !== 58) return false;
  let port = 0;
  for (at++; at < end; at++) {
    if (!isDigit(bytes[at] as number)) return false;
    port = port * 10 + (bytes[at] as number) - 48;
    if (port > 65_535) return false;
  }
  return true;
}
