/**
 * What a header field means to the codec. Everything else is `other` and passes through untouched.
 *
 * Hop-by-hop fields (RFC 9110 section 7.6.1) and the fields the edge writes itself are recognised once,
 * while parsing, so that serialising is a walk over numbers.
 */
import { ascii, equalsFolded } from '#proxy/http1/bytes.ts';

export const fieldKind = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  expect: 6,
  /** keep-alive, proxy-connection, te, trailer, proxy-authenticate, proxy-authorization: always dropped. */
  hopByHop: 7,
  /** Named in Connection by the sender: dropped. */
  nominated: 8,
  /** x-forwarded-for, -proto, -host, -port, forwarded, x-real-ip: the edge's own to write. */
  forwarding: 9,
  xForwardedFor: 10,
  requestId: 11,
  keepAlive: 12,
} as const;

const known: readonly (readonly [string, number])[] = [
  ['host', fieldKind.host],
  ['content-length', fieldKind.contentLength],
  ['transfer-encoding', fieldKind.transferEncoding],
  ['connection', fieldKind.connection],
  ['upgrade', fieldKind.upgrade],
  ['expect', fieldKind.expect],
  ['keep-alive', fieldKind.keepAlive],
  ['proxy-connection', fieldKind.hopByHop],
  ['te', fieldKind.hopByHop],
  ['trailer', fieldKind.hopByHop],
  ['proxy-authenticate', fieldKind.hopByHop],
  ['proxy-authorization', fieldKind.hopByHop],
  ['x-forwarded-for', fieldKind.xForwardedFor],
  ['x-forwarded-proto', fieldKind.forwarding],
  ['x-forwarded-host', fieldKind.forwarding],
  ['x-forwarded-port', fieldKind.forwarding],
  ['x-real-ip', fieldKind.forwarding],
  ['forwarded', fieldKind.forwarding],
  ['x-request-id', fieldKind.requestId],
];

const longest = 19;
/** By length, then the few names of that length; most fields fall out at the first byte. */
const byLength: { first: number; name: Uint8Array; kind: number }[][] = Array.from({ length: longest + 1 }, () => []);
for (const [name, kind] of known) {
  byLength[name.length]?.push({ first: name.charCodeAt(0), name: ascii(name), kind });
}

export function classifyField(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > longest) return fieldKind.other;
  const candidates = byLength[length] as (typeof byLength)[number];
  const first = (bytes[start] as number) | 32;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i] as (typeof candidates)[number];
    if (candidate.first === first && equalsFolded(bytes, start, end, candidate.name)) return candidate.kind;
  }
  return fieldKind.other;
}
