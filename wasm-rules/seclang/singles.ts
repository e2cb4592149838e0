/** Single values that are made when a rule asks for them; the others stand in the table like any value. */
import { arenaTake } from '../engine/arena';
import { BodyFlag, Collection } from '../engine/sink';
import { BodyPart, FrameWord, frameTimeMs, frameWord } from './frame';
import { BodyProcessor, Single } from './layout';
import { headerNamed, reasonAt, reasonLength, responseStatus } from './request';
import { formatNumber, numberAt, numberLength } from './text';
import {
  bodyProcessor,
  highestSeverity,
  matchedAt,
  matchedLength,
  matchedNameAt,
  matchedNameLength,
  reqbodyErrorAt,
  reqbodyErrorLength,
  reqbodyFlags,
} from './transaction';
import { firstOf, looseValue, sizeOf, valueAt, valueLength } from './values';

/** 0 where there is none. */
export function singleValue(source: i32): usize {
  const known = firstOf(source);
  if (known != 0) return known;
  switch (source) {
    case Single.matchedVar:
      return matchedAt == 0 ? 0 : text(source, matchedAt, matchedLength);
    case Single.matchedVarName:
      return matchedNameAt == 0 ? 0 : text(source, matchedNameAt, matchedNameLength);
    case Single.argsCombinedSize:
      return number(source, sizeOf(Collection.argsGet) + sizeOf(Collection.argsPost));
    case Single.filesCombinedSize:
      return number(source, filesSize());
    case Single.highestSeverity:
      return number(source, <i64>highestSeverity);
    case Single.reqbodyError:
      return number(source, (reqbodyFlags & BodyFlag.processorError) != 0 ? 1 : 0);
    case Single.reqbodyErrorMsg:
      return text(source, reqbodyErrorAt, reqbodyErrorLength);
    case Single.reqbodyProcessor:
      return processor(source);
    case Single.requestBodyLength:
      return number(source, frameWord(FrameWord.requestBodyBytes));
    case Single.inboundDataError:
      return number(source, isCut(FrameWord.requestBodyFlags) ? 1 : 0);
    case Single.outboundDataError:
      return number(source, isCut(FrameWord.responseBodyFlags) ? 1 : 0);
    case Single.mscPcreLimitsExceeded:
      return number(source, 0);
    case Single.uniqueId:
      return text(source, frameWord(FrameWord.uniqueId), frameWord(FrameWord.uniqueIdBytes));
    case Single.urlencodedError:
      return flag(source, BodyFlag.urlencodedError);
    case Single.multipartStrictError:
      return flag(source, strictFlags);
    case Single.responseStatus:
    case Single.responseProtocol:
    case Single.statusLine:
    case Single.responseContentType:
    case Single.responseContentLength:
      return ofResponse(source);
    default:
      break;
  }
  if (source >= Single.multipartBoundaryQuoted && source <= Single.multipartUnmatchedBoundary)
    return flag(source, multipartFlag(source));
  if (source >= Single.time && source <= Single.timeYear) return ofTime(source);
  if (source == Single.fullRequest) return fullRequest(source);
  if (source == Single.fullRequestLength) {
    const whole = fullRequest(source);
    return whole == 0 ? 0 : number(source, valueLength(whole));
  }
  return 0;
}

/** Bits that ModSecurity counts as `MULTIPART_STRICT_ERROR`. */
const strictFlags: u32 =
  BodyFlag.multipartBoundaryQuoted |
  BodyFlag.multipartBoundaryWhitespace |
  BodyFlag.multipartDataBefore |
  BodyFlag.multipartDataAfter |
  BodyFlag.multipartHeaderFolding |
  BodyFlag.multipartLfLine |
  BodyFlag.multipartMissingSemicolon |
  BodyFlag.multipartInvalidQuoting |
  BodyFlag.multipartInvalidPart |
  BodyFlag.multipartInvalidHeaderFolding |
  BodyFlag.multipartFileLimit;

function multipartFlag(source: i32): u32 {
  switch (source) {
    case Single.multipartBoundaryQuoted:
      return BodyFlag.multipartBoundaryQuoted;
    case Single.multipartBoundaryWhitespace:
      return BodyFlag.multipartBoundaryWhitespace;
    case Single.multipartCrlfLfLines:
      return BodyFlag.multipartCrlfLfLines;
    case Single.multipartDataAfter:
      return BodyFlag.multipartDataAfter;
    case Single.multipartDataBefore:
      return BodyFlag.multipartDataBefore;
    case Single.multipartFileLimitExceeded:
      return BodyFlag.multipartFileLimit;
    case Single.multipartHeaderFolding:
      return BodyFlag.multipartHeaderFolding;
    case Single.multipartInvalidHeaderFolding:
      return BodyFlag.multipartInvalidHeaderFolding;
    case Single.multipartInvalidPart:
      return BodyFlag.multipartInvalidPart;
    case Single.multipartInvalidQuoting:
      return BodyFlag.multipartInvalidQuoting;
    case Single.multipartLfLine:
      return BodyFlag.multipartLfLine;
    case Single.multipartMissingSemicolon:
      return BodyFlag.multipartMissingSemicolon;
    default:
      return BodyFlag.multipartUnmatchedBoundary;
  }
}

function flag(source: i32, bits: u32): usize {
  return number(source, (reqbodyFlags & bits) != 0 ? 1 : 0);
}

function isCut(flags: i32): bool {
  const word = frameWord(flags);
  return (word & BodyPart.present) != 0 && (word & BodyPart.whole) == 0;
}

function number(source: i32, value: i64): usize {
  formatNumber(value);
  return looseValue(source, 0, 0, numberAt, numberLength);
}

function text(source: i32, at: usize, length: i32): usize {
  return looseValue(source, 0, 0, at, length);
}

export function filesSize(): i64 {
  let total: i64 = 0;
  for (let file = firstOf(Collection.fileSizes); file != 0; file = load<usize>(file)) {
    let size: i64 = 0;
    for (let i = 0; i < valueLength(file); i++) size = size * 10 + (load<u8>(valueAt(file) + i) - 0x30);
    total += size;
  }
  return total;
}

const processorNames = memory.data<u8>([
  // URLENCODED, MULTIPART, XML, JSON
  85, 82, 76, 69, 78, 67, 79, 68, 69, 68, 77, 85, 76, 84, 73, 80, 65, 82, 84, 88, 77, 76, 74, 83, 79, 78,
]);

/** Empty, and there all the same, where no processor is chosen. */
function processor(source: i32): usize {
  switch (bodyProcessor) {
    case BodyProcessor.URLENCODED:
      return text(source, processorNames, 10);
    case BodyProcessor.MULTIPART:
      return text(source, processorNames + 10, 9);
    case BodyProcessor.XML:
      return text(source, processorNames + 19, 3);
    case BodyProcessor.JSON:
      return text(source, processorNames + 22, 4);
    default:
      return text(source, processorNames, 0);
  }
}

const contentType = memory.data<u8>([67, 111, 110, 116, 101, 110, 116, 45, 84, 121, 112, 101]);
const contentLength = memory.data<u8>([
  67, 111, 110, 116, 101, 110, 116, 45, 76, 101, 110, 103, 116, 104,
]);
const protocol = memory.data<u8>([72, 84, 84, 80, 47, 49, 46, 49]);

function ofResponse(source: i32): usize {
  const view = <usize>frameWord(FrameWord.responseHead);
  if (view == 0) return 0;
  switch (source) {
    case Single.responseStatus:
      return number(source, responseStatus(view));
    case Single.responseProtocol:
      return text(source, protocol, 8);
    case Single.responseContentType:
      return header(source, contentType, 12);
    case Single.responseContentLength:
      return header(source, contentLength, 14);
    default:
      return statusLine(source, view);
  }
}

function header(source: i32, name: usize, length: i32): usize {
  const value = headerNamed(Collection.responseHeaders, name, length);
  return value == 0 ? 0 : text(source, valueAt(value), valueLength(value));
}

function statusLine(source: i32, view: usize): usize {
  const reason = reasonLength(view);
  const line = arenaTake(13 + reason);
  memory.copy(line, protocol, 8);
  store<u8>(line + 8, 0x20);
  formatNumber(responseStatus(view));
  memory.copy(line + 9, numberAt, 3);
  store<u8>(line + 12, 0x20);
  memory.copy(line + 13, reasonAt(view), reason);
  return text(source, line, 13 + reason);
}

function ofTime(source: i32): usize {
  const seconds = frameTimeMs() / 1000;
  const days = seconds / 86400;
  const inDay = seconds % 86400;
  // Days since 1970 to the civil calendar: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  const shifted = days + 719468;
  const era = shifted / 146097;
  const ofEra = shifted - era * 146097;
  const yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146096) / 365;
  const ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const fromMarch = (5 * ofYear + 2) / 153;
  const day = ofYear - (153 * fromMarch + 2) / 5 + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  switch (source) {
    case Single.timeDay:
      return number(source, day);
    case Single.timeEpoch:
      return number(source, seconds);
    case Single.timeHour:
      return number(source, inDay / 3600);
    case Single.timeMin:
      return number(source, (inDay / 60) % 60);
    case Single.timeMon:
      return number(source, month - 1);
    case Single.timeSec:
      return number(source, inDay % 60);
    case Single.timeWday:
      return number(source, (days + 4) % 7);
    case Single.timeYear:
      return number(source, year);
    default:
      return clock(source, inDay);
  }
}

function clock(source: i32, inDay: i64): usize {
  const at = arenaTake(16);
  two(at, inDay / 3600);
  two(at + 3, (inDay / 60) % 60);
  two(at + 6, inDay % 60);
  store<u8>(at + 2, 0x3a);
  store<u8>(at + 5, 0x3a);
  return text(source, at, 8);
}

function two(at: usize, value: i64): void {
  store<u8>(at, <u8>(0x30 + value / 10));
  store<u8>(at + 1, <u8>(0x30 + (value % 10)));
}

/** Head and body as they came. */
function fullRequest(source: i32): usize {
  const view = <usize>frameWord(FrameWord.requestHead);
  if (view == 0) return 0;
  const head = view + load<u32>(view, 8);
  const headBytes = load<u32>(view, 48) - load<u32>(view, 8);
  const bodyBytes = frameWord(FrameWord.requestBodyBytes);
  const whole = arenaTake(headBytes + bodyBytes);
  memory.copy(whole, head, headBytes);
  memory.copy(whole + headBytes, frameWord(FrameWord.requestBody), bodyBytes);
  return text(source, whole, headBytes + bodyBytes);
}
