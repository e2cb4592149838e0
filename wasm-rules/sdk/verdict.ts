/**
 * Builds the records a phase answers with (`abi.md`, "The verdict"): each function appends one to a
 * chain and returns the chain's first, which is what the phase returns.
 *
 * ```ts
 * tag('bot/unverified');
 * score(5, 'bot/unverified');
 * return verdict();                                                // both, or 0 when nothing was said
 * return block(403, 'bot/named', 'why, for the operator', 'path', request.pathAt, request.pathLength);
 * ```
 *
 * Records and texts have fixed places, so nothing is allocated. Texts are cut to the bounds of the ABI
 * here, so that a long match never turns a block into a failure. A stop (block, challenge) and
 * `verdict()` close the chain; whatever comes after belongs to the next call.
 */
import { toLower } from './bytes';
import { scopeFleet, scopeNode } from './host';
import {
  fieldNameBytesMax,
  fieldValueBytesMax,
  limitKeyBytesMax,
  matchedBytesMax,
  reasonBytesMax,
  ruleBytesMax,
  tagBytesMax,
  targetBytesMax,
  verdictAddHeader,
  verdictAlertFlow,
  verdictBlock,
  verdictBytes,
  verdictChallenge,
  verdictDropFlow,
  verdictLimit,
  verdictMatched,
  verdictNext,
  verdictNumber,
  verdictNumber2,
  verdictNumber3,
  verdictPassFlow,
  verdictReason,
  verdictRemoveHeader,
  verdictRule,
  verdictScope,
  verdictScore,
  verdictSetHeader,
  verdictsMax,
  verdictTag,
  verdictTarget,
} from './layout';

/** Room for the texts of a call: literals are UTF-16 and become bytes here. */
const textsBytes: i32 = 16384;

const records = memory.data(3584, 16);
const texts = memory.data(16384, 16);
let count: i32 = 0;
let textsUsed: i32 = 0;
let closed: bool = false;

/** All that was said in this call, for the phase to return; 0 when that is nothing. */
export function verdict(): usize {
  if (closed || count == 0) return 0;
  closed = true;
  return records;
}

/** Refuses the request. `target` names where it matched: `path`, `query`, …; for a header use `blockHeader`. */
export function block(
  status: i32,
  rule: string,
  reason: string,
  target: string,
  matchedAt: usize,
  matchedLength: i32,
): usize {
  const record = stop(verdictBlock, status, rule, reason, matchedAt, matchedLength, matchedBytesMax);
  putText(record + verdictTarget, target, targetBytesMax);
  return records;
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
  const record = stop(verdictBlock, status, rule, reason, matchedAt, matchedLength, matchedBytesMax);
  putHeaderTarget(record, nameAt, nameLength);
  return records;
}

/** As `block`, with rule and reason as bytes: for a module whose rules come from its configuration. */
export function blockBytes(
  status: i32,
  ruleAt: usize,
  ruleLength: i32,
  reasonAt: usize,
  reasonLength: i32,
  target: string,
  matchedAt: usize,
  matchedLength: i32,
): usize {
  const record = append(verdictBlock, status);
  closed = true;
  putPair(record + verdictRule, ruleAt, min(ruleLength, ruleBytesMax));
  putPair(record + verdictReason, reasonAt, min(reasonLength, reasonBytesMax));
  putText(record + verdictTarget, target, targetBytesMax);
  putPair(record + verdictMatched, matchedAt, min(matchedLength, matchedBytesMax));
  return records;
}

/** Lets the client through only after it has shown that it is a browser, or at least spends time. */
export function challenge(
  rule: string,
  reason: string,
  target: string,
  matchedAt: usize = 0,
  matchedLength: i32 = 0,
): usize {
  const record = stop(verdictChallenge, 0, rule, reason, matchedAt, matchedLength, matchedBytesMax);
  putText(record + verdictTarget, target, targetBytesMax);
  return records;
}

/**
 * Takes `cost` from the bucket of this key, which holds `capacity` and is full again after
 * `periodSeconds`; the request is refused with 429 when the bucket has less. Buckets are the module's
 * own; two rules of one module with the same key share one. While there is room the request goes on, and a
 * call may name several. With `scopeFleet` (grant `kv:fleet`) it is at most `capacity` in any
 * `periodSeconds` over all nodes of the fleet.
 */
export function limit(
  rule: string,
  reason: string,
  keyAt: usize,
  keyLength: i32,
  cost: i32,
  capacity: i32,
  periodSeconds: i32,
  scope: i32 = scopeNode,
): usize {
  // A cut key would put strangers into one bucket.
  if (keyLength > limitKeyBytesMax) throw new Error('the key of a limit has at most 256 bytes');
  const record = append(verdictLimit, cost);
  putText(record + verdictRule, rule, ruleBytesMax);
  putText(record + verdictReason, reason, reasonBytesMax);
  putPair(record + verdictMatched, keyAt, keyLength);
  store<u32>(record, capacity, verdictNumber2);
  store<u32>(record, periodSeconds, verdictNumber3);
  if (scope == scopeFleet) store<u32>(record, scopeFleet, verdictScope);
  return records;
}

/** A mark for the modules that come later, the log and the metrics: `[a-z0-9._:/-]`, at most 64. */
export function tag(name: string): usize {
  const record = append(verdictTag, 0);
  putText(record + verdictRule, name, tagBytesMax);
  return records;
}

/** As `tag`, with the name as bytes. */
export function tagBytes(at: usize, length: i32): usize {
  const record = append(verdictTag, 0);
  putPair(record + verdictRule, at, min(length, tagBytesMax));
  return records;
}

/** Adds to the request's score, -1000 to 1000; `rule` says which rule gave the points. */
export function score(points: i32, rule: string): usize {
  const record = append(verdictScore, points);
  putText(record + verdictRule, rule, ruleBytesMax);
  return records;
}

/** As `score`, with the rule as bytes. */
export function scoreBytes(points: i32, ruleAt: usize, ruleLength: i32): usize {
  const record = append(verdictScore, points);
  putPair(record + verdictRule, ruleAt, min(ruleLength, ruleBytesMax));
  return records;
}

/**
 * Sets a field of the message this phase is about: in a request phase what the upstream gets, in a
 * response phase what the client gets. With `ofResponse` a request phase sets it for the response.
 */
export function setHeader(name: string, value: string, ofResponse: bool = false): usize {
  const record = header(verdictSetHeader, name, ofResponse);
  putText(record + verdictMatched, value, fieldValueBytesMax);
  return records;
}

/** As `setHeader`, with the value as bytes. */
export function setHeaderBytes(name: string, at: usize, length: i32, ofResponse: bool = false): usize {
  const record = header(verdictSetHeader, name, ofResponse);
  putPair(record + verdictMatched, at, min(length, fieldValueBytesMax));
  return records;
}

/** Adds a field beside those of the same name. */
export function addHeader(name: string, value: string, ofResponse: bool = false): usize {
  const record = header(verdictAddHeader, name, ofResponse);
  putText(record + verdictMatched, value, fieldValueBytesMax);
  return records;
}

/** As `addHeader`, with the value as bytes. */
export function addHeaderBytes(name: string, at: usize, length: i32, ofResponse: bool = false): usize {
  const record = header(verdictAddHeader, name, ofResponse);
  putPair(record + verdictMatched, at, min(length, fieldValueBytesMax));
  return records;
}

/** Takes out every field of this name. */
export function removeHeader(name: string, ofResponse: bool = false): usize {
  header(verdictRemoveHeader, name, ofResponse);
  return records;
}

/** Any kind of header record with name and value as bytes: for names that come from a configuration. */
export function headerBytes(
  kind: u32,
  nameAt: usize,
  nameLength: i32,
  valueAt: usize,
  valueLength: i32,
  ofResponse: bool = false,
): usize {
  const record = append(kind, ofResponse ? 1 : 0);
  putPair(record + verdictTarget, nameAt, min(nameLength, fieldNameBytesMax));
  putPair(record + verdictMatched, valueAt, min(valueLength, fieldValueBytesMax));
  return records;
}

/** In `weir_packet`: the flow passes, and no more of it is shown. */
export function passFlow(): usize {
  append(verdictPassFlow, 0);
  closed = true;
  return records;
}

/** In `weir_packet`: what comes of this flow is dropped. `target` names where it matched, `payload` for one. */
export function dropFlow(
  rule: string,
  reason: string,
  target: string,
  matchedAt: usize,
  matchedLength: i32,
): usize {
  const record = stop(verdictDropFlow, 0, rule, reason, matchedAt, matchedLength, matchedBytesMax);
  putText(record + verdictTarget, target, targetBytesMax);
  return records;
}

/** In `weir_packet`: as `passFlow`, and the operator is told. */
export function alertFlow(
  rule: string,
  reason: string,
  target: string,
  matchedAt: usize,
  matchedLength: i32,
): usize {
  const record = stop(verdictAlertFlow, 0, rule, reason, matchedAt, matchedLength, matchedBytesMax);
  putText(record + verdictTarget, target, targetBytesMax);
  return records;
}

function header(kind: u32, name: string, ofResponse: bool): usize {
  const record = append(kind, ofResponse ? 1 : 0);
  putText(record + verdictTarget, name, fieldNameBytesMax);
  return record;
}

function stop(
  kind: u32,
  number: i32,
  rule: string,
  reason: string,
  matchedAt: usize,
  matchedLength: i32,
  matchedMax: i32,
): usize {
  const record = append(kind, number);
  closed = true;
  putText(record + verdictRule, rule, ruleBytesMax);
  putText(record + verdictReason, reason, reasonBytesMax);
  putPair(record + verdictMatched, matchedAt, min(matchedLength, matchedMax));
  return record;
}

/** An empty record at the end of the chain. */
function append(kind: u32, number: i32): usize {
  if (closed) {
    closed = false;
    count = 0;
    textsUsed = 0;
  }
  if (count == verdictsMax) throw new Error('a call says at most 64 things');
  const record = records + <usize>count * verdictBytes;
  if (count > 0) store<u32>(record - verdictBytes, record, verdictNext);
  memory.fill(record, 0, verdictBytes);
  store<u32>(record, kind);
  store<u32>(record, number, verdictNumber);
  count++;
  return record;
}

function putHeaderTarget(record: usize, nameAt: usize, nameLength: i32): void {
  const length = min(nameLength, targetBytesMax - 7);
  const at = takeText(length + 7);
  store<u64>(at, 0x3a726564616568); // header:
  for (let i = 0; i < length; i++) store<u8>(at + 7 + i, toLower(load<u8>(nameAt + i)));
  putPair(record + verdictTarget, at, length + 7);
}

/** Literals of a rule are ASCII by convention; what no byte can hold becomes `?`. */
function putText(field: usize, text: string, bytesMax: i32): void {
  const length = min(text.length, bytesMax);
  const at = takeText(length);
  for (let i = 0; i < length; i++) {
    const unit = load<u16>(changetype<usize>(text) + ((<usize>i) << 1));
    store<u8>(at + i, unit < 0x100 ? unit : 0x3f);
  }
  putPair(field, at, length);
}

/** Eight bytes more are there than are asked for, so that a word may be written. */
function takeText(length: i32): usize {
  if (length + 8 > textsBytes - textsUsed) throw new Error('the texts of a call have at most 16 KiB');
  const at = texts + textsUsed;
  textsUsed += length;
  return at;
}

@inline
function putPair(field: usize, at: usize, length: i32): void {
  store<u32>(field, at);
  store<u32>(field, length, 4);
}
