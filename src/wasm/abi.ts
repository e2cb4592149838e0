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
import type { HeadView } from '#waf/head-view.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { RequestFacts } from '#waf/transaction.ts';
import { phase } from './filter.ts';
import type { GuestMemory } from './guest-memory.ts';
import { packetBytesMax } from './packet-view.ts';

export const abiVersion = 1;

/** The longest messages a guest has to make room for. */
export type GuestLimits = {
  /** Of a request, as in `edge.limits`. */
  readonly headBytesMax: number;
  readonly headersMax: number;
  readonly responseHeadBytesMax: number;
  readonly responseHeadersMax: number;
  /** The longest stretch of a body in one call, `waf.bodyWindowBytes`. */
  readonly bodyWindowBytes: number;
};

/** Bytes of a body shown once more in front of the next stretch, so that nothing hides on the border. */
export const overlapBytesMax = 256;

/** What a module may export to be called, with the bit of `phase` each stands for. */
export const phaseExports = {
  weir_request_head: phase.requestHead,
  weir_request_body: phase.requestBody,
  weir_response_head: phase.responseHead,
  weir_response_body: phase.responseBody,
  weir_log: phase.log,
  weir_packet: phase.packet,
} as const;
export type PhaseExport = keyof typeof phaseExports;

export const flagTls = 1;
export const flagHttp10 = 2;
/** A connection record stands behind the client address. */
export const flagConnection = 4;

/** Bits of the connection record's last word. */
export const certificateShown = 1;
export const certificateVerified = 2;

/** Words before the header table. */
const fixedWords = 15;
export const headerWords = 4;
/** Longest text of an address: IPv4-mapped IPv6 (45) with a zone identifier. */
export const clientAddressBytesMax = 64;
/** JA4, subject and SHA-256 as offset and length, and the certificate's bits. */
const connectionWords = 7;
/** Its three texts together: JA4 has 36 bytes, a subject at most 512, a hash 64. */
export const connectionBytesMax = 640;

export const verdictAllow = 0;
/** Word 0 of a verdict record. */
export const recordKind = {
  block: 1,
  challenge: 2,
  limit: 3,
  tag: 4,
  score: 5,
  setField: 6,
  addField: 7,
  removeField: 8,
  passFlow: 9,
  dropFlow: 10,
  alertFlow: 11,
} as const;
/** Kind, next, three numbers, the scope of a limit or a zero, and four pairs of address and length. */
export const recordBytes = 56;
/** Records one call may answer with. */
export const recordsMax = 64;
export const statusMin = 400;
export const statusMax = 599;
export const ruleBytesMax = 128;
export const reasonBytesMax = 512;
export const targetBytesMax = 128;
export const tagBytesMax = 64;
export const scoreMax = 1_000;
export const limitKeyBytesMax = 256;
/** Word 5 of a limit that holds over the fleet. */
export const limitOfFleet = 3;
export const limitCostMax = 1_000_000;
export const limitPeriodSecondsMax = 86_400;
export const fieldValueBytesMax = 4_096;
/** Bit 0 of a field record's number: the response's, although a request phase runs. */
export const fieldOfResponse = 1;

/** Words before the header table of a response head, of a body view, of a log view. */
export const responseWords = 8;
export const bodyWords = 10;
export const logWords = 14;

/** How many bytes `weir_reserve` is asked for by a module with these phases. */
export function viewBytesMax(limits: GuestLimits, phases: number): number {
  if (phases === phase.packet) return packetBytesMax;
  const request = requestHeadBytesMax(limits);
  const response =
    (responseWords + headerWords * limits.responseHeadersMax) * 4 +
    limits.responseHeadBytesMax +
    request;
  let bytes = request;
  if ((phases & phase.responseHead) !== 0) bytes = aligned(response);
  if ((phases & (phase.requestBody | phase.responseBody)) !== 0) {
    const heads = (phases & phase.responseBody) === 0 ? request : response + request;
    bytes = Math.max(bytes, bodyWords * 4 + limits.bodyWindowBytes + overlapBytesMax + heads + 32);
  }
  if ((phases & phase.log) !== 0)
    bytes = Math.max(bytes, logWords * 4 + ruleBytesMax + request + 16);
  return aligned(bytes);
}

const aligned = (bytes: number): number => (bytes + 15) & ~15;

function requestHeadBytesMax(limits: GuestLimits): number {
  return aligned(
    (fixedWords + headerWords * limits.headersMax) * 4 +
      limits.headBytesMax +
      clientAddressBytesMax +
      3 +
      connectionWords * 4 +
      connectionBytesMax,
  );
}

/** Writes the view at `at`, a multiple of 4 with room behind it. Returns its size in bytes. */
export function encodeRequestHead(
  view: RequestView,
  facts: RequestFacts,
  limits: GuestLimits,
  memory: GuestMemory,
  at: number,
): number {
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
  const size = hasConnection
    ? writeConnection(facts, memory, at, clientOffset + clientLength)
    : clientOffset + clientLength;
  words[word++] = size;
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
  writeHeaderTable(view, shift, words, word);
  view.bytes.copy(memory.bytes, at + headOffset, view.start, view.end);
  writeAscii(facts.clientAddress, memory.bytes, at + clientOffset);
  return size;
}

/** Four words a header; offsets move by `shift`. Returns the word after the table. */
export function writeHeaderTable(
  view: HeadView,
  shift: number,
  words: Uint32Array,
  from: number,
): number {
  const headers = view.headers;
  let word = from;
  for (let i = 0, end = view.headerCount * headerWords; i < end; i += headerWords) {
    const nameStart = headers[i] ?? 0;
    const valueStart = headers[i + 2] ?? 0;
    words[word++] = nameStart + shift;
    words[word++] = (headers[i + 1] ?? 0) - nameStart;
    words[word++] = valueStart + shift;
    words[word++] = (headers[i + 3] ?? 0) - valueStart;
  }
  return word;
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
export function writeAscii(text: string, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}
