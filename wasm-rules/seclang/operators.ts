/** One operator over one value. What it compares with is the link's operand, or its argument put together anew. */
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
import { detectSqli } from '../engine/inject/sql';
import { detectXss } from '../engine/inject/xss';
import { capturePattern } from '../engine/match/capture';
import { matchPattern } from '../engine/match/pattern';
import { findPhrase } from '../engine/match/phrases';
import { hasBadUrlEncoding, hasBadUtf8, hasByteOutside } from '../engine/operator/encoding';
import { isCardNumber, isSocialSecurityNumber } from '../engine/operator/identity-number';
import { ipMatch } from '../engine/operator/ip-match';
import { compareNumbers } from '../engine/operator/number';
import { beginsWith, contains, containsWord, endsWith, streq, within } from '../engine/operator/text';
import { captureOne, noteCapture } from './captures';
import { charge } from './fuel';
import { capturesWhole, follow, imageAt, LinkFlag, LinkWord, Operator, textAt, textLength, word } from './layout';
import { expand, expandedAt, expandedLength } from './macros';

let argumentAt: usize = 0;
let argumentLength: i32 = 0;
const spans: usize = memory.data(20 * 4, 16);

/** Whether the operator, negation included, holds for the bytes. Captures go to TX.0 to TX.9. */
export function holds(link: usize, string: usize, at: usize, length: i32): bool {
  const flags = word(link, LinkWord.flags);
  charge(2 + <u32>length);
  const result = test(link, flags, at, length);
  return (flags & LinkFlag.negated) != 0 ? !result : result;
}

/** As `holds`, for a link that is not negated; nothing is captured. */
export function agrees(link: usize, at: usize, length: i32): bool {
  charge(2 + <u32>length);
  return test(link, word(link, LinkWord.flags) & ~LinkFlag.capturing, at, length);
}

/** Whether what it says of a value is the same at all times, and takes longer to say than to remember. */
export function isLasting(link: usize): bool {
  if (word(link, LinkWord.argument) != 0) return false;
  const operator = word(link, LinkWord.operator);
  return (lasting & (<u64>1 << operator)) != 0;
}

/** Looks for one string, which is done before a scan would have begun to tell. */
@inline
export function isSearch(link: usize): bool {
  return word(link, LinkWord.operator) == Operator.contains;
}

const lasting: u64 =
  (<u64>1 << Operator.rx) |
  (<u64>1 << Operator.pm) |
  (<u64>1 << Operator.pmFromFile) |
  (<u64>1 << Operator.contains) |
  (<u64>1 << Operator.within) |
  (<u64>1 << Operator.detectSQLi) |
  (<u64>1 << Operator.detectXSS) |
  (<u64>1 << Operator.detectCommand) |
  (<u64>1 << Operator.detectLookup) |
  (<u64>1 << Operator.detectSsrf) |
  (<u64>1 << Operator.detectTemplate) |
  (<u64>1 << Operator.validateByteRange) |
  (<u64>1 << Operator.validateUrlEncoding) |
  (<u64>1 << Operator.validateUtf8Encoding);

function test(link: usize, flags: u32, at: usize, length: i32): bool {
  const operand = follow(link, LinkWord.operand);
  switch (word(link, LinkWord.operator)) {
    case Operator.rx:
      return matches(operand, at, length) && captured(link, flags, at, length);
    case Operator.pm:
    case Operator.pmFromFile:
      return foundPhrase(operand, flags, at, length);
    case Operator.unconditionalMatch:
      return true;
    case Operator.noMatch:
      return false;
    case Operator.detectSQLi:
      return detectSqli(at, length) && tookWhole(flags, at, length);
    case Operator.detectXSS:
      return detectXss(at, length);
    case Operator.validateByteRange:
      return hasByteOutside(at, length, operand);
    case Operator.validateUrlEncoding:
      return hasBadUrlEncoding(at, length);
    case Operator.validateUtf8Encoding:
      return hasBadUtf8(at, length);
    case Operator.ipMatch:
    case Operator.ipMatchFromFile:
      return ipMatch(operand, at, length);
    case Operator.verifyCC:
    case Operator.verifySSN:
      return holdsNumber(link, operand, flags, at, length);
    case Operator.detectLookup:
      charge(<u32>length);
      return detectLookup(at, length) && tookWhole(flags, at, length);
    case Operator.detectSsrf:
      charge(<u32>length << 2);
      return detectSsrf(at, length) && tookWhole(flags, at, length);
    case Operator.detectTemplate:
      charge(<u32>length << 1);
      return detectTemplate(at, length) && tookWhole(flags, at, length);
    default:
      return compares(link, flags, at, length);
  }
}

function compares(link: usize, flags: u32, at: usize, length: i32): bool {
  readArgument(link);
  switch (word(link, LinkWord.operator)) {
    case Operator.eq:
      return compareNumbers(at, length, argumentAt, argumentLength) == 0;
    case Operator.ge:
      return compareNumbers(at, length, argumentAt, argumentLength) >= 0;
    case Operator.gt:
      return compareNumbers(at, length, argumentAt, argumentLength) > 0;
    case Operator.le:
      return compareNumbers(at, length, argumentAt, argumentLength) <= 0;
    case Operator.lt:
      return compareNumbers(at, length, argumentAt, argumentLength) < 0;
    case Operator.streq:
      return streq(at, length, argumentAt, argumentLength);
    case Operator.beginsWith:
      return beginsWith(at, length, argumentAt, argumentLength);
    case Operator.endsWith:
      return endsWith(at, length, argumentAt, argumentLength);
    case Operator.contains:
    case Operator.strmatch:
      return contains(at, length, argumentAt, argumentLength);
    case Operator.containsWord:
      return containsWord(at, length, argumentAt, argumentLength);
    case Operator.within:
      return within(at, length, argumentAt, argumentLength);
    case Operator.detectCommand:
      charge(<u32>length << 2);
      return detectCommand(at, length, argumentLength != 0) && tookWhole(flags, at, length);
    case Operator.graphqlAliases:
      return asksGraphql(at, length) && graphqlAliases > numberIn(argumentAt, argumentLength);
    case Operator.graphqlCost:
      return asksGraphql(at, length) && graphqlCost > numberIn(argumentAt, argumentLength);
    case Operator.graphqlDepth:
      return asksGraphql(at, length) && graphqlDepth > numberIn(argumentAt, argumentLength);
    case Operator.graphqlFields:
      return asksGraphql(at, length) && graphqlFields > numberIn(argumentAt, argumentLength);
    default:
      return unreachable();
  }
}

/** Whether the link, asked for a count, says no: worked out without making a text of it. What it leaves open says false. */
export function failsCount(link: usize, count: i64): bool {
  const operator = word(link, LinkWord.operator);
  if (((<u64>1 << operator) & comparing) == 0 || word(link, LinkWord.argument) != 0) return false;
  if (word(link, LinkWord.transformationCount) != 0 || word(link, LinkWord.operand) == 0) return false;
  const text = follow(link, LinkWord.operand);
  const limit = smallNumber(textAt(text), textLength(text));
  if (limit < 0) return false;
  const isNegated = (word(link, LinkWord.flags) & LinkFlag.negated) != 0;
  if (says(operator, count, limit) != isNegated) return false;
  charge(7);
  return true;
}

const comparing: u64 =
  (<u64>1 << Operator.eq) |
  (<u64>1 << Operator.ge) |
  (<u64>1 << Operator.gt) |
  (<u64>1 << Operator.le) |
  (<u64>1 << Operator.lt);

function says(operator: u32, count: i64, limit: i64): bool {
  switch (operator) {
    case Operator.eq:
      return count == limit;
    case Operator.ge:
      return count >= limit;
    case Operator.gt:
      return count > limit;
    case Operator.le:
      return count <= limit;
    default:
      return count < limit;
  }
}

/** -1: it is none of one to nine digits. */
function smallNumber(at: usize, length: i32): i64 {
  if (length == 0 || length > 9) return -1;
  let value: i64 = 0;
  for (let i = 0; i < length; i++) {
    const digit = <u32>load<u8>(at + i) - 0x30;
    if (digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function asksGraphql(at: usize, length: i32): bool {
  charge(<u32>length);
  return readGraphql(at, length);
}

/** Digits; a reference that holds none is 0, as in comparisons. */
function numberIn(at: usize, length: i32): f64 {
  let value: f64 = 0;
  for (let i = 0; i < length && load<u8>(at + i) - 0x30 < 10; i++) value = value * 10 + <f64>(load<u8>(at + i) - 0x30);
  return value;
}

function readArgument(link: usize): void {
  const macro = word(link, LinkWord.argument);
  if (macro != 0) {
    expand(macro);
    argumentAt = expandedAt;
    argumentLength = expandedLength;
    return;
  }
  if (word(link, LinkWord.operand) == 0) {
    argumentLength = 0;
    return;
  }
  const text = follow(link, LinkWord.operand);
  argumentAt = textAt(text);
  argumentLength = textLength(text);
}

/** There is no fingerprint to show as TX.0: what was found is the value. Always true. */
function tookWhole(flags: u32, at: usize, length: i32): bool {
  if ((flags & LinkFlag.capturing) == 0 || (flags & LinkFlag.negated) != 0) return true;
  captureOne(at, length);
  return true;
}

/** The pattern finds candidates, and the first one's checksum decides. */
function holdsNumber(link: usize, pattern: usize, flags: u32, at: usize, length: i32): bool {
  if (!matches(pattern, at, length)) return false;
  if (!capturePattern(follow(link, LinkWord.captures), at, length, spans)) return false;
  const offset = load<i32>(spans);
  const bytes = load<i32>(spans, 4);
  const isNumber =
    word(link, LinkWord.operator) == Operator.verifyCC
      ? isCardNumber(at + offset, bytes)
      : isSocialSecurityNumber(at + offset, bytes);
  return isNumber && captured(link, flags, at, length);
}

/** -1 is a budget that is used up, which ends the call. */
function matches(pattern: usize, at: usize, length: i32): bool {
  const answer = matchPattern(pattern, at, length);
  if (answer < 0) unreachable();
  return answer != 0;
}

/** Always true: the pattern has matched. */
function captured(link: usize, flags: u32, at: usize, length: i32): bool {
  if ((flags & LinkFlag.capturing) == 0 || (flags & LinkFlag.negated) != 0) return true;
  const program = word(link, LinkWord.captures);
  if (program == 0) return true;
  if (program == capturesWhole) captureOne(at, length);
  else noteCapture(imageAt(program), at, length);
  return true;
}

function foundPhrase(set: usize, flags: u32, at: usize, length: i32): bool {
  const found = findPhrase(set, at, length);
  if (found < 0) return false;
  if ((flags & LinkFlag.capturing) != 0 && (flags & LinkFlag.negated) == 0)
    captureOne(at + <i32>(found >> 32), <i32>(found & 0xffffffff));
  return true;
}
