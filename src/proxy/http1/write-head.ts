/**
 * Message heads for the next hop, serialised from the parsed view and never from raw bytes.
 *
 * A field that came in canonical form (`Name: value CR LF`) serialises to the very bytes it came as, so
 * neighbouring ones are copied in one run; any other is written anew as `name: value`.
 */
import type { HeadView } from '#waf/head-view.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import { CR, SP } from './bytes.ts';
import { fieldKind } from './field-kind.ts';

const bit = (...kinds: readonly number[]): number =>
  kinds.reduce((mask, kind) => mask | (1 << kind), 0);

const hopByHop = bit(
  fieldKind.connection,
  fieldKind.upgrade,
  fieldKind.hopByHop,
  fieldKind.keepAlive,
  fieldKind.nominated,
  fieldKind.transferEncoding,
  fieldKind.removed,
);

/** Fields of a request that never travel on; the edge writes its own of some. */
export const requestDrops =
  hopByHop |
  bit(fieldKind.contentLength, fieldKind.expect, fieldKind.requestId, fieldKind.clientCertificate);
/** Beside them, what only a trusted proxy in front may say. */
export const forwardingDrops = bit(fieldKind.forwarding, fieldKind.xForwardedFor);
/** With an absolute-form target the Host field gives way to the target's authority. */
export const hostDrop = bit(fieldKind.host);
export const responseDrops = hopByHop | bit(fieldKind.requestId);
export const aliasDrop = bit(fieldKind.alias);
export const contentLengthDrop = bit(fieldKind.contentLength);

/** Upper bound of the bytes a head takes once written: one blank may be added to each field. */
export function headSizeMax(view: HeadView, added: number): number {
  return view.end - view.start + view.headerCount + added + 32;
}

export type PrefixRewrite = { readonly prefix: Buffer; readonly to: Buffer };

const HTTP11 = Buffer.from('HTTP/1.1\r\n');
const HTTP11_SPACE = Buffer.from('HTTP/1.1 ');

/**
 * `METHOD origin-form HTTP/1.1`. A path is never empty: absolute-form without one means `/`. With a
 * rewrite the path begins with the prefix, which the caller has made sure of; a line that a module has written
 * is not rewritten.
 */
export function writeRequestLine(
  view: RequestView,
  rewrite: PrefixRewrite | null,
  target: Buffer,
  at: number,
): number {
  const { bytes } = view;
  let to = at;
  if (rewrite !== null && !view.hasNewLine) {
    to += bytes.copy(target, to, view.start, view.methodEnd + 1);
    to += rewrite.to.copy(target, to);
    to += bytes.copy(target, to, view.pathStart + rewrite.prefix.length, view.targetEnd);
    target[to++] = SP;
  } else if (view.pathStart === view.targetStart) {
    to += bytes.copy(target, to, view.start, view.targetEnd + 1);
  } else {
    to += bytes.copy(target, to, view.start, view.methodEnd + 1);
    if (view.pathStart === view.pathEnd) target[to++] = 47;
    to += bytes.copy(target, to, view.pathStart, view.targetEnd);
    target[to++] = SP;
  }
  return to + HTTP11.copy(target, to);
}

/** The same target as text, for a next hop that takes no request line. */
export function requestTarget(view: RequestView, rewrite: PrefixRewrite | null): string {
  const { bytes, pathStart, pathEnd, targetEnd } = view;
  if (rewrite !== null && !view.hasNewLine) {
    const rest = bytes.toString('latin1', pathStart + rewrite.prefix.length, targetEnd);
    return rewrite.to.toString('latin1') + rest;
  }
  const target = bytes.toString('latin1', pathStart, targetEnd);
  return pathStart === pathEnd ? `/${target}` : target;
}

/** `HTTP/1.1 status reason`, whatever minor version the origin spoke. */
export function writeStatusLine(view: ResponseView, target: Buffer, at: number): number {
  let to = at + HTTP11_SPACE.copy(target, at);
  to += view.bytes.copy(target, to, view.start + 9, view.start + 12);
  target[to++] = SP;
  to += view.bytes.copy(target, to, view.reasonStart, view.reasonEnd);
  target[to++] = CR;
  target[to++] = 10;
  return to;
}

/** A whole head of a response that has no body: 1xx. `end` is what the edge adds, with the empty line. */
export function responseHead(view: ResponseView, end: string): Buffer {
  const target = Buffer.allocUnsafe(headSizeMax(view, end.length));
  let at = writeStatusLine(view, target, 0);
  at = writeFields(view, responseDrops | contentLengthDrop, target, at);
  at += target.write(end, at, 'latin1');
  return target.subarray(0, at);
}

/** Every field whose kind is not in `drops`, in the order they came. Returns the position after them. */
export function writeFields(view: HeadView, drops: number, target: Buffer, at: number): number {
  const { bytes, headers, kinds, headerCount } = view;
  let to = at;
  let runStart = 0;
  let runEnd = 0;
  for (let i = 0; i < headerCount; i++) {
    if (((drops >>> (kinds[i] as number)) & 1) === 1) continue;
    const slot = i * 4;
    const nameStart = headers[slot] as number;
    const nameEnd = headers[slot + 1] as number;
    const valueStart = headers[slot + 2] as number;
    const valueEnd = headers[slot + 3] as number;
    if (valueStart === nameEnd + 2 && bytes[nameEnd + 1] === SP && bytes[valueEnd] === CR) {
      if (runEnd !== nameStart) {
        if (runEnd > runStart) to += bytes.copy(target, to, runStart, runEnd);
        runStart = nameStart;
      }
      runEnd = valueEnd + 2;
      continue;
    }
    if (runEnd > runStart) to += bytes.copy(target, to, runStart, runEnd);
    runStart = 0;
    runEnd = 0;
    to += bytes.copy(target, to, nameStart, nameEnd);
    target[to++] = 58;
    target[to++] = SP;
    to += bytes.copy(target, to, valueStart, valueEnd);
    target[to++] = CR;
    target[to++] = 10;
  }
  if (runEnd > runStart) to += bytes.copy(target, to, runStart, runEnd);
  return to;
}
