/**
 * Builds the record a guest answers with (`abi.md`, "The verdict"). One record per instance is
 * enough: the host reads it before it calls again.
 *
 * Texts are cut to the bounds of the ABI here, so a long match never turns a block into a failure.
 * `rule` and `reason` should be literals: a text put together with `+` is allocated and, with the `stub`
 * runtime, never freed.
 */
import { toLower } from './bytes';
import {
  matchedBytesMax,
  reasonBytesMax,
  ruleBytesMax,
  targetBytesMax,
  verdictBlock,
} from './layout';

const record = memory.data(40, 16);
const texts = memory.data(1024, 16);
let textsEnd: usize = 0;

/** `target` names where it matched: `path`, `query`, … For a header use `blockHeader`. */
export function block(
  status: i32,
  rule: string,
  reason: string,
  target: string,
  matchedAt: usize,
  matchedLength: i32,
): usize {
  begin(status, rule, reason, matchedAt, matchedLength);
  putText(24, target, targetBytesMax);
  return record;
}

/** Blocks with the target `header:<name in lower case>`. */
export function blockHeader(
  status: i32,
  rule: string,
  reason: string,
  nameAt: usize,
  nameLength: i32,
  matchedAt: usize,
  matchedLength: i32,
): usize {
  begin(status, rule, reason, matchedAt, matchedLength);
  const start = textsEnd;
  putText(24, 'header:', targetBytesMax);
  const length = min(nameLength, targetBytesMax - 7);
  for (let i = 0; i < length; i++) store<u8>(textsEnd + i, toLower(load<u8>(nameAt + i)));
  textsEnd += length;
  putPair(24, start, length + 7);
  return record;
}

function begin(
  status: i32,
  rule: string,
  reason: string,
  matchedAt: usize,
  matchedLength: i32,
): void {
  textsEnd = texts;
  store<u32>(record, verdictBlock);
  store<u32>(record, status, 4);
  putText(8, rule, ruleBytesMax);
  putText(16, reason, reasonBytesMax);
  putPair(32, matchedAt, min(matchedLength, matchedBytesMax));
}

/** Rule, reason and target are ASCII by convention; what is not becomes `?`. */
function putText(field: usize, text: string, bytesMax: i32): void {
  const length = min(text.length, bytesMax);
  for (let i = 0; i < length; i++) {
    const unit = load<u16>(changetype<usize>(text) + ((<usize>i) << 1));
    store<u8>(textsEnd + i, unit < 0x80 ? unit : 0x3f);
  }
  putPair(field, textsEnd, length);
  textsEnd += length;
}

function putPair(field: usize, at: usize, length: i32): void {
  store<u32>(record + field, at);
  store<u32>(record + field + 4, length);
}
