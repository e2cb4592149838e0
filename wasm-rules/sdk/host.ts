/**
 * What a module can ask of the host (`abi.md`, "Host calls"), typed. Only what a module uses becomes an
 * import of it, and only an import needs a grant: `waf.rules.NAME.grants: [kv:worker, log]`.
 *
 * Names and keys given as strings are literals in ASCII or latin1; the functions with `Bytes` take
 * whatever lies in memory. Answers go into the arena: they stay until the call ends.
 *
 * At the top level of a module there is no host yet to call: what is prepared once belongs into
 * `weir_configure`.
 */
import { arenaTake } from './arena';

@external('weir', 'log')
declare function hostLog(level: i32, at: usize, length: i32): void;
@external('weir', 'now_wall')
declare function hostNowWall(): i64;
@external('weir', 'now_monotonic')
declare function hostNowMonotonic(): i64;
@external('weir', 'property')
declare function hostProperty(name: usize, nameLength: i32, into: usize, max: i32): i32;
@external('weir', 'kv_get')
declare function hostKvGet(scope: i32, key: usize, keyLength: i32, into: usize, max: i32): i32;
@external('weir', 'kv_set')
declare function hostKvSet(
  scope: i32,
  key: usize,
  keyLength: i32,
  value: usize,
  valueLength: i32,
  ttlMs: i32,
): i32;
@external('weir', 'kv_delete')
declare function hostKvDelete(scope: i32, key: usize, keyLength: i32): i32;
@external('weir', 'count')
declare function hostCount(scope: i32, key: usize, keyLength: i32, delta: i32, windowMs: i32): i64;
@external('weir', 'metric_define')
declare function hostMetricDefine(kind: i32, name: usize, nameLength: i32): i32;
@external('weir', 'metric_add')
declare function hostMetricAdd(id: i32, delta: i64): void;
@external('weir', 'metric_set')
declare function hostMetricSet(id: i32, value: f64): void;
@external('weir', 'regex_compile')
declare function hostRegexCompile(patterns: usize, length: i32): i32;
@external('weir', 'regex_match')
declare function hostRegexMatch(set: i32, at: usize, length: i32, into: usize, max: i32): i32;
@external('weir', 'block_address')
declare function hostBlockAddress(
  address: usize,
  addressLength: i32,
  ttlSeconds: i32,
  reason: usize,
  reasonLength: i32,
): i32;
@external('weir', 'fetch')
declare function hostFetch(url: usize, urlLength: i32, key: usize, keyLength: i32, ttlMs: i32): i32;
@external('weir', 'verify_signature')
declare function hostVerifySignature(
  algorithm: usize,
  algorithmLength: i32,
  key: usize,
  keyLength: i32,
  data: usize,
  dataLength: i32,
  signature: usize,
  signatureLength: i32,
): i32;
@external('weir', 'digest')
declare function hostDigest(algorithm: i32, data: usize, length: i32, into: usize): i32;
@external('weir', 'lookup')
declare function hostLookup(
  database: usize,
  databaseLength: i32,
  address: usize,
  addressLength: i32,
  path: usize,
  pathLength: i32,
  into: usize,
  max: i32,
): i32;

export const logError: i32 = 1;
export const logWarn: i32 = 2;
export const logInfo: i32 = 3;
export const logDebug: i32 = 4;

/** Who sees a stored value: this request, this worker, all workers of the node, the fleet. */
export const scopeRequest: i32 = 0;
export const scopeWorker: i32 = 1;
export const scopeNode: i32 = 2;
export const scopeFleet: i32 = 3;

/** Where the last answer that is more than a number lies. */
export let answerAt: usize = 0;
export let answerLength: i32 = 0;

/** Grant `log`. One line of the node's log, with the module's name. */
export function log(level: i32, message: string): void {
  hostLog(level, bytesOf(message), message.length);
}

export function logBytes(level: i32, at: usize, length: i32): void {
  hostLog(level, at, length);
}

/** Grant `clock`. Milliseconds since 1970. */
export function nowWall(): i64 {
  return hostNowWall();
}

/** Grant `clock`. Microseconds that never go back. */
export function nowMonotonic(): i64 {
  return hostNowMonotonic();
}

/**
 * Grant `property`. `request.id`, `route`, `upstream`, `tags` (with blanks between), `score`, `module.version`, or with
 * the end of a body a field behind it (`request.trailers.NAME`, `response.trailers.NAME`), into `answerAt` and
 * `answerLength`. False when there is none, or it is longer than `max`.
 */
export function property(name: string, max: i32 = 256): bool {
  const into = arenaTake(max);
  return answered(hostProperty(bytesOf(name), name.length, into, max), into, max);
}

/** Grant `kv:…` of the scope. Into `answerAt` and `answerLength`; false when there is none, or it is longer than `max`. */
export function getValue(scope: i32, key: string, max: i32 = 1024): bool {
  return getValueBytes(scope, bytesOf(key), key.length, max);
}

export function getValueBytes(scope: i32, keyAt: usize, keyLength: i32, max: i32 = 1024): bool {
  const into = arenaTake(max);
  return answered(hostKvGet(scope, keyAt, keyLength, into, max), into, max);
}

/** Grant `kv:…`. `ttlMs` 0 is without an end. False where the store is full or the value too large. */
export function setValue(scope: i32, key: string, valueAt: usize, valueLength: i32, ttlMs: i32): bool {
  return hostKvSet(scope, bytesOf(key), key.length, valueAt, valueLength, ttlMs) == 0;
}

export function setValueBytes(
  scope: i32,
  keyAt: usize,
  keyLength: i32,
  valueAt: usize,
  valueLength: i32,
  ttlMs: i32,
): bool {
  return hostKvSet(scope, keyAt, keyLength, valueAt, valueLength, ttlMs) == 0;
}

/** Grant `kv:…`. False when there was none. */
export function deleteValue(scope: i32, key: string): bool {
  return hostKvDelete(scope, bytesOf(key), key.length) == 0;
}

export function deleteValueBytes(scope: i32, keyAt: usize, keyLength: i32): bool {
  return hostKvDelete(scope, keyAt, keyLength) == 0;
}

/** Grant `kv:…`. Adds to the count under this key and answers what it is now, in a window of this length. */
export function count(scope: i32, key: string, delta: i32, windowMs: i32): i64 {
  return hostCount(scope, bytesOf(key), key.length, delta, windowMs);
}

export function countBytes(
  scope: i32,
  keyAt: usize,
  keyLength: i32,
  delta: i32,
  windowMs: i32,
): i64 {
  return hostCount(scope, keyAt, keyLength, delta, windowMs);
}

/** Grant `metrics`; in `weir_configure` only. -1 when the name is none or 32 are there. */
export function defineCounter(name: string): i32 {
  return hostMetricDefine(0, bytesOf(name), name.length);
}

export function defineGauge(name: string): i32 {
  return hostMetricDefine(1, bytesOf(name), name.length);
}

export function addToCounter(id: i32, delta: i64 = 1): void {
  hostMetricAdd(id, delta);
}

export function setGauge(id: i32, value: f64): void {
  hostMetricSet(id, value);
}

/** Grant `regex`; in `weir_configure` only. RE2 patterns, one a line. -1 when one is wrong: the log says which. */
export function compileRegexes(patterns: string): i32 {
  const bytes = String.UTF8.encode(patterns);
  return hostRegexCompile(changetype<usize>(bytes), bytes.byteLength);
}

/**
 * How many patterns of the set match; `regexIndex(i)` says which, for the first `regexesMax` of them.
 */
export function matchRegexes(set: i32, at: usize, length: i32): i32 {
  const into = arenaTake(regexesMax * 4);
  answerAt = into;
  return hostRegexMatch(set, at, length, into, regexesMax);
}

const regexesMax: i32 = 256;

/** After `matchRegexes`: the place in the list of the i-th pattern that matched. */
@inline
export function regexIndex(i: i32): i32 {
  return load<i32>(answerAt + ((<usize>i) << 2));
}

/** Grant `block`. Puts the client's address on the node's block list. */
export function blockClient(ttlSeconds: i32, reason: string): bool {
  return hostBlockAddress(0, 0, ttlSeconds, bytesOf(reason), reason.length) == 0;
}

/** Grant `block`. As `blockClient`, for an address as text. */
export function blockAddress(at: usize, length: i32, ttlSeconds: i32, reason: string): bool {
  return hostBlockAddress(at, length, ttlSeconds, bytesOf(reason), reason.length) == 0;
}

export const fetchUnderWay: i32 = 0;
export const fetchFresh: i32 = 1;
export const fetchRefused: i32 = -1;

/** Grant `fetch`. The answer's body becomes the worker's value under `key`, once it is there. */
export function fetch(url: string, key: string, ttlMs: i32): i32 {
  return hostFetch(bytesOf(url), url.length, bytesOf(key), key.length, ttlMs);
}

export const signatureValid: i32 = 1;
export const signatureInvalid: i32 = 0;
export const signatureImpossible: i32 = -1;

/** Grant `crypto`. Algorithms of RFC 7518 and EdDSA; the key is a JWK as JSON. */
export function verifySignature(
  algorithm: string,
  keyAt: usize,
  keyLength: i32,
  dataAt: usize,
  dataLength: i32,
  signatureAt: usize,
  signatureLength: i32,
): i32 {
  const name = bytesOf(algorithm);
  return hostVerifySignature(
    name,
    algorithm.length,
    keyAt,
    keyLength,
    dataAt,
    dataLength,
    signatureAt,
    signatureLength,
  );
}

/** Grant `crypto`. SHA-256 into `answerAt`, 32 bytes. */
export function sha256(at: usize, length: i32): void {
  const into = arenaTake(32);
  answerLength = hostDigest(1, at, length, into);
  answerAt = into;
}

/** Grant `databases`. What the database says of the address under the path, into `answerAt` and `answerLength`. */
export function lookup(
  database: string,
  addressAt: usize,
  addressLength: i32,
  path: string,
  max: i32 = 256,
): bool {
  const into = arenaTake(max);
  const databaseAt = bytesOf(database);
  const found = hostLookup(
    databaseAt,
    database.length,
    addressAt,
    addressLength,
    bytesOf(path),
    path.length,
    into,
    max,
  );
  return answered(found, into, max);
}

/** A longer answer is not written at all, so it counts as none. */
@inline
function answered(length: i32, into: usize, max: i32): bool {
  answerAt = into;
  answerLength = length < 0 || length > max ? 0 : length;
  return length >= 0 && length <= max;
}

/** A string's characters as bytes, in the arena. */
function bytesOf(text: string): usize {
  const at = arenaTake(text.length);
  for (let i = 0, length = text.length; i < length; i++)
    store<u8>(at + i, load<u16>(changetype<usize>(text) + ((<usize>i) << 1)));
  return at;
}
