/** The pure parts of the SecLang engine, callable one by one: for their tests and benches. */
import { arenaOver, arenaReset, arenaTake } from '../engine/arena';
import { argumentsLeft, startArguments } from '../engine/body/arguments';
import { parseCookies } from '../engine/body/cookies';
import { failureAt, failureLength, resetFailure } from '../engine/body/failure';
import { isStrictError } from '../engine/body/flags';
import { parseJson } from '../engine/body/json';
import { parseMultipart } from '../engine/body/multipart';
import { parseUrlEncoded } from '../engine/body/url-encoded';
import { parseXml } from '../engine/body/xml';
import { kindsIn } from '../engine/match/byte-kinds';
import { bodyFlags, Collection, resetFlags, setSink } from '../engine/sink';
import { detectCommand } from '../engine/detect/command';
import {
  graphqlAliases,
  graphqlCost,
  graphqlDepth,
  graphqlFields,
  readGraphql,
} from '../engine/detect/graphql';
import { detectLookup } from '../engine/detect/lookup';
import { detectSsrf } from '../engine/detect/ssrf';
import { detectTemplate } from '../engine/detect/template';
import { detectSqli, isBareInjection, isQuotedInjection } from '../engine/inject/sql';
import { detectXss } from '../engine/inject/xss';
import { hasBadUrlEncoding, hasBadUtf8, hasByteOutside } from '../engine/operator/encoding';
import { isCardNumber, isSocialSecurityNumber } from '../engine/operator/identity-number';
import { ipMatch } from '../engine/operator/ip-match';
import { compareNumbers } from '../engine/operator/number';
import {
  beginsWith,
  contains,
  containsWord,
  endsWith,
  streq,
  within,
} from '../engine/operator/text';
import { canChange, changesEmpty, opensWith } from '../engine/transform/can-change';
import { growthOf, outputBytesMax, transform } from '../engine/transform/transform';
import { escapedKinds } from '../engine/transform/url';

/** Where the caller may write: everything from here on. */
export function room(): usize {
  return __heap_base;
}

export function runTransform(id: i32, from: usize, length: i32, into: usize): i32 {
  return transform(id, from, length, into);
}

export function transformBytesMax(id: i32, length: i32): i32 {
  return outputBytesMax(id, length);
}

export function transformGrowth(id: i32): i32 {
  return growthOf(id);
}

/** Whether the transformation may change these bytes, as their kinds tell. */
export function mayChange(id: i32, from: usize, length: i32): bool {
  return canChange(id, kindsIn(from, length)) || (length == 0 && changesEmpty(id));
}

/** Whether it may make other kinds of bytes of these than they are of, or a space. */
export function mayOpen(id: i32, from: usize, length: i32): bool {
  return (opensWith(id) & kindsIn(from, length)) != 0;
}

/** Kinds of the bytes that escapes stand for. */
export function escapedKindsOf(from: usize, length: i32): u64 {
  return escapedKinds(from, length);
}

/** The same transformation over and over, each time on the same bytes; for timing. */
export function repeatTransform(id: i32, from: usize, length: i32, into: usize, times: i32): i32 {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += transform(id, from, length, into);
  return sum;
}

let records: usize = 0;
let next: usize = 0;
let count: i32 = 0;

/** Five words for each value that a parser finds: collection, name, its length, value, its length. */
function record(collection: i32, name: usize, nameLength: i32, value: usize, valueLength: i32): void {
  store<i32>(next, collection);
  store<u32>(next, <u32>name, 4);
  store<i32>(next, nameLength, 8);
  store<u32>(next, <u32>value, 12);
  store<i32>(next, valueLength, 16);
  next += 20;
  count++;
}

/** Before each parse: where records go, and what the arena lies between. */
export function startParse(recordsAt: usize, arenaAt: usize, arenaEnd: usize, argumentsMax: i32): void {
  records = recordsAt;
  next = recordsAt;
  count = 0;
  setSink(record);
  resetFlags();
  resetFailure();
  arenaOver(arenaAt, arenaEnd);
  arenaReset();
  startArguments(argumentsMax);
}

export function recordCount(): i32 {
  return count;
}

export function flags(): u32 {
  return bodyFlags();
}

export function strictError(): bool {
  return isStrictError(bodyFlags());
}

export function argumentsRoom(): i32 {
  return argumentsLeft();
}

export function failure(): usize {
  return failureAt();
}

export function failureBytes(): i32 {
  return failureLength();
}

/** Bytes of the arena in use, to 16. */
export function arenaUsed(arenaAt: usize): usize {
  return arenaTake(0) - arenaAt;
}

export function readQuery(at: usize, length: i32): bool {
  parseUrlEncoded(at, length, Collection.argsGet, 0x26);
  return true;
}

export function readForm(at: usize, length: i32): bool {
  parseUrlEncoded(at, length, Collection.argsPost, 0x26);
  return true;
}

export function readCookies(at: usize, length: i32): bool {
  parseCookies(at, length);
  return true;
}

export function readMultipart(at: usize, length: i32, typeAt: usize, typeLength: i32): bool {
  return parseMultipart(at, length, typeAt, typeLength);
}

export function readJson(at: usize, length: i32, depthMax: i32): bool {
  return parseJson(at, length, depthMax);
}

export function readXml(at: usize, length: i32): bool {
  return parseXml(at, length);
}

/** By the name's place in `operatorCalls` of the test's support: pure functions of a value and an argument. */
export function runOperator(id: i32, at: usize, length: i32, argument: usize, argumentLength: i32): bool {
  switch (id) {
    case 0:
      return beginsWith(at, length, argument, argumentLength);
    case 1:
      return contains(at, length, argument, argumentLength);
    case 2:
      return containsWord(at, length, argument, argumentLength);
    case 3:
      return endsWith(at, length, argument, argumentLength);
    case 4:
      return streq(at, length, argument, argumentLength);
    case 5:
      return within(at, length, argument, argumentLength);
    case 6:
      return compareNumbers(at, length, argument, argumentLength) == 0;
    case 7:
      return compareNumbers(at, length, argument, argumentLength) >= 0;
    case 8:
      return compareNumbers(at, length, argument, argumentLength) > 0;
    case 9:
      return compareNumbers(at, length, argument, argumentLength) <= 0;
    case 10:
      return compareNumbers(at, length, argument, argumentLength) < 0;
    case 11:
      return ipMatch(argument, at, length);
    case 12:
      return hasByteOutside(at, length, argument);
    case 13:
      return hasBadUrlEncoding(at, length);
    case 14:
      return hasBadUtf8(at, length);
    case 15:
      return isCardNumber(at, length);
    case 16:
      return isSocialSecurityNumber(at, length);
    default:
      return unreachable();
  }
}

/** One reading: 0 for a bare value, or the quote that opened the string before it. */
export function isSqliRead(at: usize, length: i32, quote: i32): bool {
  return quote == 0 ? isBareInjection(at, length) : isQuotedInjection(at, length, <u8>quote);
}

export function isSqli(at: usize, length: i32): bool {
  return detectSqli(at, length);
}

export function isXss(at: usize, length: i32): bool {
  return detectXss(at, length);
}

/** A detection over and over; for timing. */
export function repeatSqli(at: usize, length: i32, times: i32): i32 {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += detectSqli(at, length) ? 1 : 0;
  return sum;
}

export function repeatXss(at: usize, length: i32, times: i32): i32 {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += detectXss(at, length) ? 1 : 0;
  return sum;
}

/** By its place in `detections` of the test: command, the same strictly, lookup, ssrf, template. */
export function isDetected(id: i32, at: usize, length: i32): bool {
  switch (id) {
    case 0:
      return detectCommand(at, length, false);
    case 1:
      return detectCommand(at, length, true);
    case 2:
      return detectLookup(at, length);
    case 3:
      return detectSsrf(at, length);
    case 4:
      return detectTemplate(at, length);
    default:
      return unreachable();
  }
}

/** 0 depth, 1 fields, 2 aliases, 3 cost; -1 where the value is no query. */
export function graphqlNumber(id: i32, at: usize, length: i32): f64 {
  if (!readGraphql(at, length)) return -1;
  return id == 0 ? graphqlDepth : id == 1 ? graphqlFields : id == 2 ? graphqlAliases : graphqlCost;
}
