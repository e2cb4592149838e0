/**
 * The response head of an upstream: status line (RFC 9112 section 4), then fields, into a
 * `ResponseView`. As strict as the request side: what an origin garbles, or what an attacker made it
 * garble, is answered with 502 and its connection closed.
 */
import type { ResponseView } from '#waf/response-view.ts';
import { ascii, CR, isDigit, isValueByte, LF, SP } from './bytes.ts';
import { parseFields, resetFields } from './parse-fields.ts';
import { incomplete, parseProblem } from './parse-problem.ts';

const VERSION = ascii('HTTP/1.');
/** `HTTP/1.1 200 ` */
const statusBytes = 13;

export function parseResponse(
  view: ResponseView,
  bytes: Buffer,
  from: number,
  limit: number,
  headBytesMax: number,
): number {
  resetFields(view, bytes, from);
  const cap = from + headBytesMax;
  const end = limit < cap ? limit : cap;
  const result = parseStatusLine(view, from, end);
  return result === incomplete && end === cap ? parseProblem.headTooLarge : result;
}

function parseStatusLine(view: ResponseView, from: number, limit: number): number {
  const bytes = view.bytes;
  const known = Math.min(VERSION.length, limit - from);
  for (let i = 0; i < known; i++)
    if (bytes[from + i] !== VERSION[i]) return parseProblem.statusLine;
  if (limit - from < statusBytes) return incomplete;
  const minor = (bytes[from + 7] as number) - 48;
  if ((minor !== 0 && minor !== 1) || bytes[from + 8] !== SP) return parseProblem.statusLine;
  let status = 0;
  for (let i = 9; i < 12; i++) {
    const digit = bytes[from + i] as number;
    if (!isDigit(digit)) return parseProblem.statusLine;
    status = status * 10 + digit - 48;
  }
  if (status < 100 || status > 599) return parseProblem.statusLine;
  let at = from + 12;
  // The blank after the code is required even without a phrase, but many origins leave it out.
  if (bytes[at] === SP) at++;
  else if (bytes[at] !== CR) return parseProblem.statusLine;
  view.reasonStart = at;
  while (at < limit && isValueByte[bytes[at] as number] === 1) at++;
  if (at + 1 >= limit) return incomplete;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return parseProblem.lineBreak;
  view.reasonEnd = at;
  view.minor = minor;
  view.status = status;
  return parseFields(view, at + 2, limit);
}
