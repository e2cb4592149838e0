/**
 * The fields of a request, checked (RFC 9113 sections 8.2 and 8.3) and written down once in the shape of
 * an HTTP/1.1 head, with the view's table beside it:
 *
 * ```
 * :method GET  :path /a?b  :authority x  accept *  cookie a=1  cookie b=2
 *   ─► GET /a?b HTTP/2.0 ↵ host: x ↵ accept: * ↵ cookie: a=1; b=2 ↵ ↵
 * ```
 *
 * Rules inspect these bytes and the forwarder serialises them, so nothing that HTTP/2 can say and HTTP/1.1
 * cannot (a line end in a value, a second length, a field named `transfer-encoding`) gets past this file.
 */
import type { RequestView } from '#waf/request-view.ts';
import {
  ascii,
  equals,
  equalsFolded,
  isTargetByte,
  isTokenByte,
  rangesEqualFolded,
} from '../http1/bytes.ts';
import { classifyField, fieldKind } from '../http1/field-kind.ts';
import { parseLength, resetFields } from '../http1/parse-fields.ts';
import { parseProblem } from '../http1/parse-problem.ts';
import { isAuthority } from '../http1/parse-request.ts';
import { checkRegularField } from './field-checks.ts';
import type { FieldList } from './field-list.ts';
import type { Malformation } from './http2-metrics.ts';

/** What is wrong: a stream error of the client's, or something that is answered like in HTTP/1.1. */
export type HeadProblem =
  | { readonly kind: 'reset'; readonly reason: Malformation }
  | { readonly kind: 'answer'; readonly status: number; readonly reason: string };

export type HeadLimits = { readonly urlBytesMax: number };

const METHOD = ascii(':method');
const SCHEME = ascii(':scheme');
const PATH = ascii(':path');
const AUTHORITY = ascii(':authority');
const HTTP = ascii('http');
const HTTPS = ascii('https');
const COOKIE = ascii('cookie');
const CONNECT = ascii('CONNECT');
const OPTIONS = ascii('OPTIONS');
const contentMethods = [ascii('POST'), ascii('PUT'), ascii('PATCH')];
const CONTINUE = ascii('100-continue');
const VERSION = Buffer.from(' HTTP/2.0\r\nhost: ', 'latin1');
const SLASH = 47;
const QUESTION = 63;
const COLON = 58;

const reset = (reason: Malformation): HeadProblem => ({ kind: 'reset', reason });
const problems = {
  fieldsTooMany: { kind: 'answer', status: 431, reason: 'too many or too large header fields' },
  pathTooLong: { kind: 'answer', status: 414, reason: 'request target too long' },
  pseudoField: reset('pseudo-field'),
  method: reset('method'),
  scheme: reset('scheme'),
  path: reset('path'),
  authority: reset('authority'),
  contentLength: reset('content-length'),
  bodyLength: reset('body-length'),
} as const satisfies Record<string, HeadProblem>;

/** Where the pseudo fields, Host and the first crumb stand in the list; -1 where they do not. */
let method = -1;
let scheme = -1;
let path = -1;
let authority = -1;
let host = -1;
let cookie = -1;

/** Fills `view` from `fields`; null when the request is whole and right. */
export function readRequest(
  view: RequestView,
  fields: FieldList,
  limits: HeadLimits,
  endsHere: boolean,
): HeadProblem | null {
  if (fields.overflow) return problems.fieldsTooMany;
  const regular = findPseudoFields(fields);
  if (regular < 0) return problems.pseudoField;
  resetFields(view, noBytes, 0);
  view.major = 2;
  view.expectContinue = false;
  view.refusal = 0;
  const problem = checkRegularFields(view, fields, regular) ?? checkTarget(fields, limits);
  if (problem !== null) return problem;
  if (endsHere && view.contentLength > 0) return problems.bodyLength;
  if (view.headerCount > view.kinds.length) return problems.fieldsTooMany;
  // Some origins ask for a length with these methods, so one without content says 0 (RFC 9110, 8.6).
  if (endsHere && view.contentLength < 0 && meansContent(fields)) view.contentLength = 0;
  // A body of unknown length goes on in chunks, where the next hop speaks HTTP/1.1.
  view.chunked = !endsHere && view.contentLength < 0;
  writeHead(view, fields, regular);
  return null;
}

function meansContent({ bytes, offsets }: FieldList): boolean {
  const start = valueStartOf(offsets, method);
  const end = valueEndOf(offsets, method);
  return contentMethods.some((name) => equals(bytes, start, end, name));
}

/** Reads the pseudo fields, which come first; the index of the first other field, -1 when malformed. */
function findPseudoFields(fields: FieldList): number {
  const { bytes, offsets, count } = fields;
  method = scheme = path = authority = host = cookie = -1;
  let i = 0;
  for (; i < count; i++) {
    const start = offsets[i * 4] as number;
    const end = offsets[i * 4 + 1] as number;
    if (bytes[start] !== COLON) break;
    if (equals(bytes, start, end, METHOD) && method < 0) method = i;
    else if (equals(bytes, start, end, PATH) && path < 0) path = i;
    else if (equals(bytes, start, end, SCHEME) && scheme < 0) scheme = i;
    else if (equals(bytes, start, end, AUTHORITY) && authority < 0) authority = i;
    else return -1;
  }
  return method < 0 ? -1 : i;
}

function checkRegularFields(
  view: RequestView,
  fields: FieldList,
  regular: number,
): HeadProblem | null {
  const { bytes, offsets, kinds, count } = fields;
  let written = 1;
  for (let i = regular; i < count; i++) {
    const nameStart = offsets[i * 4] as number;
    const nameEnd = offsets[i * 4 + 1] as number;
    const valueStart = offsets[i * 4 + 2] as number;
    const valueEnd = offsets[i * 4 + 3] as number;
    const kind = classifyField(bytes, nameStart, nameEnd);
    kinds[i] = kind;
    const wrong = checkRegularField(bytes, nameStart, nameEnd, valueStart, valueEnd, kind);
    if (wrong !== null) return wrong;
    written++;
    if (kind === fieldKind.other) {
      if (nameEnd - nameStart === 6 && equals(bytes, nameStart, nameEnd, COOKIE)) {
        if (cookie < 0) cookie = i;
        else written--;
      }
    } else if (kind === fieldKind.host) {
      if (host >= 0) return problems.authority;
      host = i;
      written--;
    } else if (kind === fieldKind.contentLength) {
      if (view.contentLength >= 0) return problems.contentLength;
      view.contentLength = parseLength(bytes, valueStart, valueEnd);
      if (view.contentLength < 0) return problems.contentLength;
    } else if (kind === fieldKind.expect) {
      // Rules see such a request before it is refused.
      if (equalsFolded(bytes, valueStart, valueEnd, CONTINUE)) view.expectContinue = true;
      else view.refusal = parseProblem.expectation;
    }
  }
  view.headerCount = written;
  return null;
}

/** RFC 9113 section 8.3.1, and 8.5 for CONNECT. */
function checkTarget(fields: FieldList, limits: HeadLimits): HeadProblem | null {
  const { bytes, offsets } = fields;
  const methodStart = valueStartOf(offsets, method);
  const methodEnd = valueEndOf(offsets, method);
  if (methodStart === methodEnd) return problems.method;
  for (let i = methodStart; i < methodEnd; i++)
    if (isTokenByte[bytes[i] as number] !== 1) return problems.method;
  const named = authority >= 0 ? authority : host;
  if (named < 0) return problems.authority;
  const nameStart = valueStartOf(offsets, named);
  const nameEnd = valueEndOf(offsets, named);
  if (!isAuthority(bytes, nameStart, nameEnd)) return problems.authority;
  if (authority >= 0 && host >= 0) {
    const hostStart = valueStartOf(offsets, host);
    if (!rangesEqualFolded(bytes, nameStart, nameEnd, hostStart, valueEndOf(offsets, host)))
      return problems.authority;
  }
  if (equals(bytes, methodStart, methodEnd, CONNECT))
    return path < 0 && scheme < 0 && authority >= 0 ? null : problems.pseudoField;
  if (path < 0 || scheme < 0) return problems.pseudoField;
  const schemeStart = valueStartOf(offsets, scheme);
  const schemeEnd = valueEndOf(offsets, scheme);
  if (
    !equalsFolded(bytes, schemeStart, schemeEnd, HTTPS) &&
    !equalsFolded(bytes, schemeStart, schemeEnd, HTTP)
  )
    return problems.scheme;
  const start = valueStartOf(offsets, path);
  const end = valueEndOf(offsets, path);
  if (end - start > limits.urlBytesMax) return problems.pathTooLong;
  for (let i = start; i < end; i++)
    if (isTargetByte[bytes[i] as number] !== 1) return problems.path;
  if (bytes[start] === SLASH && end > start) return null;
  const isAsterisk = end - start === 1 && bytes[start] === 42;
  return isAsterisk && equals(bytes, methodStart, methodEnd, OPTIONS) ? null : problems.path;
}

/** `METHOD target HTTP/2.0`, Host first, then the other fields in the order they came. */
function writeHead(view: RequestView, fields: FieldList, regular: number): void {
  const { bytes, offsets, count } = fields;
  const named = authority >= 0 ? authority : host;
  const isConnect = path < 0;
  const target = isConnect ? named : path;
  const methodStart = valueStartOf(offsets, method);
  const methodLength = valueEndOf(offsets, method) - methodStart;
  const targetStart = valueStartOf(offsets, target);
  const targetLength = valueEndOf(offsets, target) - targetStart;
  const hostStart = valueStartOf(offsets, named);
  const hostLength = valueEndOf(offsets, named) - hostStart;
  const fieldsStart = regular < count ? (offsets[regular * 4] as number) : fields.at;
  // Crumbs lose their name and gain two bytes between them, so no field grows.
  const head = Buffer.allocUnsafe(
    methodLength + targetLength + hostLength + VERSION.length + 8 + fields.at - fieldsStart,
  );
  let at = copyRange(head, 0, bytes, methodStart, methodStart + methodLength);
  view.bytes = head;
  view.methodEnd = at;
  head[at++] = 32;
  view.targetStart = at;
  view.pathStart = at;
  view.queryStart = -1;
  at = copyRange(head, at, bytes, targetStart, targetStart + targetLength);
  view.targetEnd = at;
  view.pathEnd = at;
  for (let i = view.targetStart; i < at && !isConnect; i++) {
    if (head[i] !== QUESTION) continue;
    view.pathEnd = i;
    view.queryStart = i + 1;
    break;
  }
  at += VERSION.copy(head, at);
  const valueStart = at;
  at = copyRange(head, at, bytes, hostStart, hostStart + hostLength);
  setField(view, 0, valueStart - 6, valueStart - 2, valueStart, at, fieldKind.host);
  view.hostStart = isConnect ? view.targetStart : valueStart;
  view.hostEnd = isConnect ? view.targetEnd : at;
  head[at++] = 13;
  head[at++] = 10;
  at =
    host < 0 && cookie < 0
      ? copyFields(view, fields, regular, at)
      : joinFields(view, fields, regular, at);
  head[at++] = 13;
  head[at++] = 10;
  view.end = at;
}

/** All fields are as they will be: one copy, and offsets moved by one number. */
function copyFields(view: RequestView, fields: FieldList, regular: number, at: number): number {
  const { bytes, offsets, count } = fields;
  if (regular === count) return at;
  const from = offsets[regular * 4] as number;
  const shift = at - from;
  for (let i = regular; i < count; i++) moveField(view, i - regular + 1, fields, i, shift);
  return at + bytes.copy(view.bytes, at, from, fields.at);
}

/** Host stands above already, and crumbs become one field where the first of them was. */
function joinFields(view: RequestView, fields: FieldList, regular: number, from: number): number {
  const { bytes, offsets, count } = fields;
  const head = view.bytes;
  let at = from;
  let written = 1;
  for (let i = regular; i < count; i++) {
    if (i === host || (i > cookie && cookie >= 0 && isCookie(fields, i))) continue;
    const start = offsets[i * 4] as number;
    const end = valueEndOf(offsets, i);
    moveField(view, written, fields, i, at - start);
    at = copyRange(head, at, bytes, start, end);
    if (i === cookie) {
      const joinedStart = view.headers[written * 4 + 2] as number;
      for (let j = i + 1; j < count; j++) {
        const crumbStart = valueStartOf(offsets, j);
        const crumbEnd = valueEndOf(offsets, j);
        // An empty one would leave a blank at the end, which no field value has.
        if (crumbStart === crumbEnd || !isCookie(fields, j)) continue;
        if (at > joinedStart) {
          head[at++] = 59;
          head[at++] = 32;
        }
        at = copyRange(head, at, bytes, crumbStart, crumbEnd);
      }
      view.headers[written * 4 + 3] = at;
    }
    head[at++] = 13;
    head[at++] = 10;
    written++;
  }
  return at;
}

function isCookie(fields: FieldList, i: number): boolean {
  const { bytes, offsets } = fields;
  return equals(bytes, offsets[i * 4] as number, offsets[i * 4 + 1] as number, COOKIE);
}

function moveField(
  view: RequestView,
  index: number,
  { offsets, kinds }: FieldList,
  i: number,
  shift: number,
): void {
  const nameStart = offsets[i * 4] as number;
  const nameEnd = offsets[i * 4 + 1] as number;
  setField(
    view,
    index,
    nameStart + shift,
    nameEnd + shift,
    valueStartOf(offsets, i) + shift,
    valueEndOf(offsets, i) + shift,
    kinds[i] as number,
  );
}

function setField(
  view: RequestView,
  index: number,
  nameStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
  kind: number,
): void {
  const slot = index * 4;
  view.headers[slot] = nameStart;
  view.headers[slot + 1] = nameEnd;
  view.headers[slot + 2] = valueStart;
  view.headers[slot + 3] = valueEnd;
  view.kinds[index] = kind;
}

const valueStartOf = (offsets: Uint32Array, i: number): number => offsets[i * 4 + 2] as number;
const valueEndOf = (offsets: Uint32Array, i: number): number => offsets[i * 4 + 3] as number;

/** Below this a loop is faster than the call. */
const shortRange = 48;

function copyRange(target: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  if (end - start > shortRange) return at + bytes.copy(target, at, start, end);
  let to = at;
  for (let i = start; i < end; i++) target[to++] = bytes[i] as number;
  return to;
}

const noBytes = Buffer.alloc(0);
