/**
 * JSON bodies (RFC 8259, nothing beside it): every number, string, truth value and null is an argument under the
 * path of names to it.
 *
 *     {"user": {"name": "a", "tags": ["b", "c"]}}      json.user.name=a  json.user.tags=b  json.user.tags=c
 *
 * As in ModSecurity 2 elements of an array have no numbers of their own: all are called as the array is, so one
 * exclusion is about all of them, and a name that stands a thousand times is looked at once. Names begin with
 * `json`, as exclusions of the Core Rule Set and both other engines write them. A key that stands twice gives two
 * arguments. Numbers stay text, so none is too big. Whatever is not JSON, a byte-order mark included, is a failure:
 * a lenient origin would read something else than what was inspected.
 *
 * Bounded: depth by the rules' setting, names by `nameBytesPerByte` (paths repeat in every name below them).
 */
import { arenaLeft, arenaTake } from '../arena';
import { Collection } from '../sink';
import { emitArgument } from './arguments';
import { fail } from './failure';
import { JsonString, readJsonString, StringProblem, stringProblem } from './json-string';

/** `SecRequestBodyJsonDepthLimit` beyond this is refused at load. */
export const jsonDepthMax: i32 = 10_000;
/** All names together may have this many bytes for each byte of the body, and `nameBytesFree` more. */
const nameBytesPerByte: i32 = 8;
const nameBytesFree: i32 = 32_768;

/** Of each open container: the length of its path, and whether it is an array in the lowest bit. */
let levels: usize = 0;
let depth: i32 = 0;
let path: usize = 0;
let pathLength: i32 = 0;
/** The path as an argument's name, once written; 0 where it changed since. */
let name: usize = 0;
let nameBytesLeft: i32 = 0;
let isOverLimit: bool = false;

/** False after a failure. Values found before it were given to the sink. */
export function parseJson(at: usize, length: i32, depthMax: i32): bool {
  if (length == 0) return true;
  const end = at + length;
  depthMax = min(depthMax, jsonDepthMax);
  depth = 0;
  nameBytesLeft = length * nameBytesPerByte + nameBytesFree;
  isOverLimit = false;
  levels = arenaTake(depthMax << 2);
  path = arenaTake(length + depthMax + 16);
  // "json"
  store<u32>(path, 0x6e6f_736a);
  pathLength = 4;
  name = 0;
  let isValueNext = true;
  while (true) {
    at = skipBlanks(at, end);
    if (at >= end) break;
    if (isValueNext) {
      const byte = load<u8>(at);
      if (byte == 0x7b || byte == 0x5b) {
        if (depth == depthMax) return fail('JSON parsing error: JSON depth limit exceeded');
        store<u32>(levels + (depth++ << 2), (pathLength << 1) | (byte == 0x5b ? 1 : 0));
        at = skipBlanks(at + 1, end);
        if (at < end && load<u8>(at) == byte + 2) {
          depth--;
          at++;
          isValueNext = false;
        } else if (byte == 0x7b) at = readKey(at, end);
      } else {
        at = readScalar(at, end);
        isValueNext = false;
      }
      if (at == 0) return false;
      if (isOverLimit) return true;
      if (depth == 0 && !isValueNext) break;
      continue;
    }
    const level = load<u32>(levels + ((depth - 1) << 2));
    const isArray = (level & 1) != 0;
    const byte = load<u8>(at++);
    if (byte == (isArray ? 0x5d : 0x7d)) {
      if (pathLength != <i32>(level >> 1)) name = 0;
      pathLength = level >> 1;
      if (--depth == 0) break;
      continue;
    }
    if (byte != 0x2c)
      return fail('JSON parsing error: parse error: after a value, a comma or the end of its container is expected');
    isValueNext = true;
    if (isArray) continue;
    if (pathLength != <i32>(level >> 1)) name = 0;
    pathLength = level >> 1;
    at = readKey(skipBlanks(at, end), end);
    if (at == 0) return false;
  }
  if (depth > 0 || isValueNext) return fail('JSON parsing error: parse error: premature EOF');
  if (skipBlanks(at, end) < end) return fail('JSON parsing error: parse error: trailing garbage');
  return true;
}

/** A key and its colon; behind them, or 0. The key is part of the path then. */
function readKey(at: usize, end: usize): usize {
  if (at >= end || load<u8>(at) != 0x22) {
    fail('JSON parsing error: parse error: object key must be a string');
    return 0;
  }
  at = readJsonString(at + 1, end);
  if (at == 0) return refuseString();
  store<u8>(path + pathLength, 0x2e);
  memory.copy(path + pathLength + 1, JsonString.at, JsonString.length);
  pathLength += 1 + JsonString.length;
  name = 0;
  at = skipBlanks(at, end);
  if (at < end && load<u8>(at) == 0x3a) return at + 1;
  fail('JSON parsing error: parse error: object key and value must be separated by a colon');
  return 0;
}

/** Behind the value, or 0. */
function readScalar(at: usize, end: usize): usize {
  const byte = load<u8>(at);
  if (byte == 0x22) {
    const next = readJsonString(at + 1, end);
    if (next == 0) return refuseString();
    return emit(JsonString.at, JsonString.length) ? next : 0;
  }
  if (byte == 0x2d || <u32>byte - 0x30 < 10) {
    const next = readNumber(at, end);
    if (next == 0) {
      fail('JSON parsing error: lexical error: malformed number');
      return 0;
    }
    return emit(at, <i32>(next - at)) ? next : 0;
  }
  let length = 0;
  // true, null, false
  if (at + 4 <= end && (load<u32>(at) == 0x6575_7274 || load<u32>(at) == 0x6c6c_756e)) length = 4;
  else if (at + 5 <= end && load<u32>(at) == 0x736c_6166 && load<u8>(at, 4) == 0x65) length = 5;
  if (length == 0) {
    fail('JSON parsing error: lexical error: invalid char in json text.');
    return 0;
  }
  return emit(at, byte == 0x6e ? 0 : length) ? at + length : 0;
}

function readNumber(at: usize, end: usize): usize {
  if (load<u8>(at) == 0x2d) at++;
  if (at < end && load<u8>(at) == 0x30) at++;
  else {
    const whole = skipDigits(at, end);
    if (whole == at) return 0;
    at = whole;
  }
  if (at < end && load<u8>(at) == 0x2e) {
    const fraction = skipDigits(at + 1, end);
    if (fraction == at + 1) return 0;
    at = fraction;
  }
  if (at < end && (load<u8>(at) | 0x20) == 0x65) {
    at++;
    if (at < end && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) at++;
    const exponent = skipDigits(at, end);
    if (exponent == at) return 0;
    at = exponent;
  }
  return at;
}

/** False after a failure. */
function emit(valueAt: usize, valueLength: i32): bool {
  if (name == 0) {
    if (nameBytesLeft < pathLength || arenaLeft() < <usize>pathLength + 16)
      return fail('JSON parsing error: names of arguments are too long');
    nameBytesLeft -= pathLength;
    name = arenaTake(pathLength);
    memory.copy(name, path, pathLength);
  }
  if (!emitArgument(Collection.argsPost, name, pathLength, valueAt, valueLength)) isOverLimit = true;
  return true;
}

function refuseString(): usize {
  switch (stringProblem()) {
    case StringProblem.controlByte:
      fail('JSON parsing error: lexical error: invalid character inside string.');
      break;
    case StringProblem.badUtf8:
      fail('JSON parsing error: lexical error: invalid bytes in UTF8 string.');
      break;
    case StringProblem.badEscape:
      fail('JSON parsing error: lexical error: invalid escape in string.');
      break;
    default:
      fail('JSON parsing error: parse error: premature EOF');
  }
  return 0;
}

@inline
function skipBlanks(at: usize, end: usize): usize {
  while (at < end) {
    const byte = load<u8>(at);
    if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) break;
    at++;
  }
  return at;
}

function skipDigits(at: usize, end: usize): usize {
  while (at < end && <u32>load<u8>(at) - 0x30 < 10) at++;
  return at;
}
