/**
 * What a header field means to the codec. Everything else is `other` and passes through untouched.
 *
 * Hop-by-hop fields (RFC 9110 section 7.6.1) and the fields the edge writes itself are recognised once,
 * while parsing, so that serialising is a walk over numbers.
 *
 * Origins behind CGI, WSGI, PHP and the like turn `-`, `_` and `.` into the same variable name, so that to
 * them `X_Forwarded_For` is X-Forwarded-For: a name that is one of these but for that is an alias.
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
  /** proxy-connection, te, trailer, proxy-authenticate, proxy-authorization: always dropped. */
  hopByHop: 7,
  /** Named in Connection by the sender: dropped. */
  nominated: 8,
  /** x-forwarded-for, -proto, -host, -port, forwarded, x-real-ip: the edge's own to write. */
  forwarding: 9,
  xForwardedFor: 10,
  requestId: 11,
  keepAlive: 12,
  /** One of these names but for `_` or `.` in the place of `-`; any name with one where the listener says so. */
  alias: 13,
  /** Taken out by a route's header rules. */
  removed: 14,
  /** Server, X-Powered-By and the like: what tells an attacker where to begin. */
  banner: 15,
  /** client-cert, client-cert-chain: the edge's word on a TLS handshake, whoever else says it. */
  clientCertificate: 16,
} as const;

/** Every name that is more to the codec than `other`. */
export const knownFields: readonly (readonly [name: string, kind: number])[] = [
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
  ['server', fieldKind.banner],
  ['x-powered-by', fieldKind.banner],
  ['x-aspnet-version', fieldKind.banner],
  ['x-aspnetmvc-version', fieldKind.banner],
  ['client-cert', fieldKind.clientCertificate],
  ['client-cert-chain', fieldKind.clientCertificate],
];

const longest = 19;
/** By length, then the few names of that length; most fields fall out at the first byte. */
const byLength: { first: number; name: Uint8Array; kind: number }[][] = Array.from(
  { length: longest + 1 },
  () => [],
);
for (const [name, kind] of knownFields) {
  byLength[name.length]?.push({ first: name.charCodeAt(0), name: ascii(name), kind });
}

export function classifyField(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > longest) return fieldKind.other;
  const candidates = byLength[length] as (typeof byLength)[number];
  const first = (bytes[start] as number) | 32;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i] as (typeof candidates)[number];
    if (candidate.first !== first) continue;
    if (equalsFolded(bytes, start, end, candidate.name)) return candidate.kind;
    if (isAlias(bytes, start, candidate.name)) return fieldKind.alias;
  }
  return fieldKind.other;
}

/** True when the bytes are `lower` with `_` or `.` for some of its hyphens, ignoring ASCII case. */
function isAlias(bytes: Uint8Array, start: number, lower: Uint8Array): boolean {
  for (let i = 0; i < lower.length; i++) {
    const byte = bytes[start + i] as number;
    if (lower[i] === 45 ? byte !== 45 && byte !== 95 && byte !== 46 : (byte | 32) !== lower[i])
      return false;
  }
  return true;
}
