/**
 * The views of ABI version 1 beside the request head (`abi.ts`): response head, a stretch of a body, and
 * what has become of a request. Each holds the request head once more, so that a rule knows what it is an
 * answer to; views inside a view begin at a multiple of 16 and count their offsets from their own start.
 */
import { assert } from '#core/assert.ts';
import type { ResponseView } from '#waf/response-view.ts';
import type { Transaction } from '#waf/transaction.ts';
import {
  bodyWords,
  encodeRequestHead,
  type GuestLimits,
  headerWords,
  logWords,
  responseWords,
  ruleBytesMax,
  writeAscii,
  writeHeaderTable,
} from './abi.ts';
import type { BodyWindow, LogRecord } from './filter.ts';
import type { GuestMemory } from './guest-memory.ts';

const bodyFirst = 1;
const bodyLast = 2;
const bodyWhole = 4;
const bodyOfResponse = 8;

const outcomes = {
  forwarded: 0,
  blocked: 1,
  refused: 2,
  failed: 3,
  aborted: 4,
  answered: 5,
} as const;

const aligned = (bytes: number): number => (bytes + 15) & ~15;

/** Returns the size of the view in bytes. Without the request's head the word for it is 0. */
export function encodeResponseHead(
  transaction: Transaction,
  limits: GuestLimits,
  memory: GuestMemory,
  at: number,
  withRequest = true,
): number {
  const view = transaction.response as ResponseView;
  const headLength = view.end - view.start;
  assert(headLength <= limits.responseHeadBytesMax, 'response head within its bound');
  assert(view.headerCount <= limits.responseHeadersMax, 'response headers within their bound');
  const headOffset = (responseWords + headerWords * view.headerCount) * 4;
  const shift = headOffset - view.start;
  const requestOffset = aligned(headOffset + headLength);
  const { words } = memory;
  let word = at >>> 2;
  const sizeWord = word++;
  words[word++] = 0;
  words[word++] = view.status;
  words[word++] = withRequest ? requestOffset : 0;
  words[word++] = view.reasonStart + shift;
  words[word++] = view.reasonEnd - view.reasonStart;
  words[word++] = view.headerCount;
  words[word++] = 0;
  writeHeaderTable(view, shift, words, word);
  view.bytes.copy(memory.bytes, at + headOffset, view.start, view.end);
  const size = withRequest
    ? requestOffset + encodeRequest(transaction, limits, memory, at + requestOffset)
    : headOffset + headLength;
  words[sizeWord] = size;
  return size;
}

/** `window.bytes` is at most the window and the overlap long. */
export function encodeBody(
  transaction: Transaction,
  window: BodyWindow,
  ofResponse: boolean,
  limits: GuestLimits,
  memory: GuestMemory,
  at: number,
): number {
  const dataOffset = bodyWords * 4;
  const requestOffset = aligned(dataOffset + window.bytes.length);
  memory.bytes.set(window.bytes, at + dataOffset);
  let size = requestOffset + encodeRequest(transaction, limits, memory, at + requestOffset);
  let responseOffset = 0;
  if (ofResponse) {
    responseOffset = aligned(size);
    size = responseOffset + encodeResponseHead(transaction, limits, memory, at + responseOffset);
  }
  const { words } = memory;
  let word = at >>> 2;
  words[word++] = size;
  words[word++] =
    (window.isFirst ? bodyFirst : 0) |
    (window.isLast ? bodyLast : 0) |
    (window.isWhole ? bodyWhole : 0) |
    (ofResponse ? bodyOfResponse : 0);
  word = writeLong(words, word, window.position);
  words[word++] = window.overlap;
  words[word++] = dataOffset;
  words[word++] = window.bytes.length;
  words[word++] = requestOffset;
  words[word++] = responseOffset;
  words[word] = 0;
  return size;
}

export function encodeLog(
  transaction: Transaction,
  record: LogRecord,
  limits: GuestLimits,
  memory: GuestMemory,
  at: number,
): number {
  const ruleOffset = logWords * 4;
  const rule = record.rule.slice(0, ruleBytesMax);
  const requestOffset = aligned(ruleOffset + rule.length);
  const size = requestOffset + encodeRequest(transaction, limits, memory, at + requestOffset);
  const { words } = memory;
  let word = at >>> 2;
  words[word++] = size;
  words[word++] = outcomes[record.outcome];
  words[word++] = record.status;
  words[word++] = requestOffset;
  word = writeLong(words, word, record.bytesIn);
  word = writeLong(words, word, record.bytesOut);
  words[word++] = Math.min(record.durationMs * 1_000, 0xffff_ffff);
  words[word++] = Math.min(record.wafMs * 1_000, 0xffff_ffff);
  words[word++] = ruleOffset;
  words[word++] = rule.length;
  words[word++] = transaction.score;
  words[word] = 0;
  writeAscii(rule, memory.bytes, at + ruleOffset);
  return size;
}

function encodeRequest(
  transaction: Transaction,
  limits: GuestLimits,
  memory: GuestMemory,
  at: number,
): number {
  return encodeRequestHead(transaction.request, transaction.facts, limits, memory, at);
}

function writeLong(words: Uint32Array, word: number, value: number): number {
  words[word] = value >>> 0;
  words[word + 1] = Math.floor(value / 0x1_0000_0000);
  return word + 2;
}
