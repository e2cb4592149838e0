/**
 * ABI version 1, the host's side of `wasm-rules/abi.md`: the numbers, and the request head packed into
 * a guest's memory.
 *
 * The head's bytes are copied once, as they came; the table in front of them is the parser's offsets
 * moved by one constant. Nothing is allocated.
 *
 * ```
 * at ─► size flags (offset length)×6 headerCount (name, value)×n │ head bytes │ client address │ connection
 *       └───────────────── table, 60 + 16·n bytes ──────────────┘                               (TLS only)
 * ```
 *
 * The connection record stands behind everything a guest of the first day knows of, so it needs no new
 * version; a flag says that it is there.
 */
import { assert } from '#core/assert.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { GuestMemory } from './guest-memory.ts';

export const abiVersion = 1;

/** What the host knows of a request beside its head. */
export type RequestFacts = {
  /** IPv4 or IPv6 text, behind trusted proxies already. */
  readonly clientAddress: string;
  readonly tls: boolean;
  /** JA4 of the client hello, ASCII; empty or absent without TLS. */
  readonly ja4?: string;
  /** What the client showed of itself in the handshake; the subject is ASCII. */
  readonly certificate?: {
    readonly subject: string;
    readonly sha256: string;
    readonly verified: boolean;
  } | null;
};

/** The longest head a guest has to make room for; the same numbers as in `edge.limits`. */
export type GuestLimits = {
  readonly headBytesMax: number;
  readonly headersMax: number;
};

export const flagTls = 1;
export const flagHttp10 = 2;
/** A connection record stands behind the client address. */
export const flagConnection = 4;

/** Bits of the connection record's last word. */
export const certificateShown = 1;
export const certificateVerified = 2;

/** Words before the header table. */
const fixedWords = 15;
const headerWords = 4;
/** Longest text of an address: IPv4-mapped IPv6 (45) with a zone identifier. */
export const clientAddressBytesMax = 64;
/** JA4, subject and SHA-256 as offset and length, and the certificate's bits. */
const connectionWords = 7;
/** Its three texts together: JA4 has 36 bytes, a subject at most 512, a hash 64. */
export const connectionBytesMax = 640;

export const verdictAllow = 0;
export const verdictBlock = 1;
/** A verdict record: kind, status and four pairs of address and length. */
export const verdictBytes = 40;
export const statusMin = 400;
export const statusMax = 599;
export const ruleBytesMax = 128;
export const reasonBytesMax = 512;
export const targetBytesMax = 128;

/** How many bytes `weir_reserve` is asked for. */
export function viewBytesMax(limits: GuestLimits): number {
  const bytes =
    (fixedWords + headerWords * limits.headersMax) * 4 +
    limits.headBytesMax +
    clientAddressBytesMax +
    3 +
    connectionWords * 4 +
    connectionBytesMax;
  return (bytes + 15) & ~15;
}

/** Writes the view at `at`, which is a multiple of 4 with `viewBytesMax` bytes behind it. */
export function encodeRequestHead(
  view: RequestView,
  facts: RequestFacts,
  limits: GuestLimits,
  memory: GuestMemory,
  at: number,
): void {
  const headLength = view.end - view.start;
  const clientLength = facts.clientAddress.length;
  assert(headLength <= limits.headBytesMax, 'head is longer than the guest made room for');
  assert(view.headerCount <= limits.headersMax, 'more headers than the guest made room for');
  assert(clientLength <= clientAddressBytesMax, 'client address is too long');

  const headOffset = (fixedWords + headerWords * view.headerCount) * 4;
  const clientOffset = headOffset + headLength;
  const shift = headOffset - view.start;
  const words = memory.words;
  let word = at >>> 2;
  const hasConnection = facts.ja4 !== undefined && facts.ja4 !== '';
  words[word++] = hasConnection
    ? writeConnection(facts, memory, at, clientOffset + clientLength)
    : clientOffset + clientLength;
  words[word++] =
    (hasConnection ? flagConnection : 0) |
    (facts.tls ? flagTls : 0) |
    (view.minor === 0 ? flagHttp10 : 0);
  words[word++] = headOffset;
  words[word++] = view.methodEnd - view.start;
  words[word++] = view.targetStart + shift;
  words[word++] = view.targetEnd - view.targetStart;
  words[word++] = view.pathStart + shift;
  words[word++] = view.pathEnd - view.pathStart;
  words[word++] = view.queryStart < 0 ? 0 : view.queryStart + shift;
  words[word++] = view.queryStart < 0 ? 0 : view.targetEnd - view.queryStart;
  words[word++] = view.hostStart < 0 ? 0 : view.hostStart + shift;
  words[word++] = view.hostStart < 0 ? 0 : view.hostEnd - view.hostStart;
  words[word++] = clientOffset;
  words[word++] = clientLength;
  words[word++] = view.headerCount;
  const headers = view.headers;
  for (let i = 0, end = view.headerCount * headerWords; i < end; i += headerWords) {
    const nameStart = headers[i] ?? 0;
    const valueStart = headers[i + 2] ?? 0;
    words[word++] = nameStart + shift;
    words[word++] = (headers[i + 1] ?? 0) - nameStart;
    words[word++] = valueStart + shift;
    words[word++] = (headers[i + 3] ?? 0) - valueStart;
  }
  view.bytes.copy(memory.bytes, at + headOffset, view.start, view.end);
  writeAscii(facts.clientAddress, memory.bytes, at + clientOffset);
}

/** At the next multiple of 4 behind `end`. Returns where the record ends. */
function writeConnection(
  facts: RequestFacts,
  memory: GuestMemory,
  at: number,
  end: number,
): number {
  const { ja4 = '', certificate = null } = facts;
  const subject = certificate?.subject ?? '';
  const sha256 = certificate?.sha256 ?? '';
  const record = (end + 3) & ~3;
  const ja4Offset = record + connectionWords * 4;
  const subjectOffset = ja4Offset + ja4.length;
  const sha256Offset = subjectOffset + subject.length;
  const recordEnd = sha256Offset + sha256.length;
  assert(
    recordEnd - ja4Offset <= connectionBytesMax,
    'what is known of the connection is too long',
  );
  const { words, bytes } = memory;
  let word = (at + record) >>> 2;
  words[word++] = ja4Offset;
  words[word++] = ja4.length;
  words[word++] = subject === '' ? 0 : subjectOffset;
  words[word++] = subject.length;
  words[word++] = sha256 === '' ? 0 : sha256Offset;
  words[word++] = sha256.length;
  words[word] =
    certificate === null ? 0 : certificateShown | (certificate.verified ? certificateVerified : 0);
  writeAscii(ja4, bytes, at + ja4Offset);
  writeAscii(subject, bytes, at + subjectOffset);
  writeAscii(sha256, bytes, at + sha256Offset);
  return recordEnd;
}

/** A third of what one call of Buffer's `write` costs for so few bytes. */
function writeAscii(text: string, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}
