/**
 * `multipart/form-data` bodies, line by line as ModSecurity 2 reads them, and as strictly: whatever two readers of
 * one body could see differently is a flag (`MULTIPART_STRICT_ERROR` and its parts) or a failure.
 *
 * ```
 *   data before ─► --boundary ─► part headers ─► blank line ─► data ─┐
 *                      ▲                                              │
 *                      └───────────── --boundary ◄────────────────────┤
 *                                     --boundary-- ─► data after ◄────┘
 * ```
 *
 * Linear: one pass finds line ends and, within lines, what resembles the boundary (Knuth, Morris, Pratt).
 */
import { arenaTake } from '../arena';
import { BodyFlag, Collection, emitValue, raiseFlag } from '../sink';
import { isSpace } from '../transform/plain';
import { emitArgument } from './arguments';
import { Disposition } from './disposition';
import { fail, failWith } from './failure';
import { delimiter, delimiterLength, readBoundary } from './multipart-boundary';
import { finishHeaders, headerLineBytesMax, readHeaderLine, startPart } from './part-headers';

/** Files of one body (`SecUploadFileLimit`); one more raises a flag. */
const filesMax: i32 = 100;

namespace Where {
  export const before: i32 = 0;
  export const headers: i32 = 1;
  export const data: i32 = 2;
}

let where: i32 = Where.before;
let boundaries: i32 = 0;
let files: i32 = 0;
/** Where the data of the part begin; 0 until a line of it was read. */
let dataAt: usize = 0;
let seenCrlf: bool = false;
let seenLf: bool = false;
/** How the line before ended: 0 there is none, 1 LF alone, 2 CRLF. */
let ending: i32 = 0;

/** False after a failure. Values found before it were given to the sink. */
export function parseMultipart(at: usize, length: i32, typeAt: usize, typeLength: i32): bool {
  if (!readBoundary(typeAt, typeLength)) return false;
  if (length == 0) return true;
  where = Where.before;
  boundaries = 0;
  files = 0;
  dataAt = 0;
  ending = 0;
  seenCrlf = false;
  seenLf = false;
  prepareSearch();
  const isRead = readLines(at, at + length);
  if (seenLf) raiseFlag(BodyFlag.multipartLfLine);
  if (seenLf && seenCrlf) raiseFlag(BodyFlag.multipartCrlfLfLines);
  return isRead;
}

function readLines(at: usize, end: usize): bool {
  while (at < end) {
    const next = findLineEnd(at, end);
    if (next == 0) return readRest(at, end);
    const kind = kindOfLine(at, next);
    if (kind == Line.failure) return false;
    if (kind == Line.last) {
      if (next < end) raiseFlag(BodyFlag.multipartDataAfter);
      return true;
    }
    if (kind == Line.other && !readOther(at, next)) return false;
    ending = next - at > 1 && load<u8>(next - 2) == 0x0d ? 2 : 1;
    at = next;
  }
  return fail(
    boundaries > 0
      ? 'Multipart parsing error: Multipart: Final boundary missing.'
      : 'Multipart parsing error: Multipart: No boundaries found in payload.',
  );
}

namespace Line {
  export const failure: i32 = 0;
  export const boundary: i32 = 1;
  export const last: i32 = 2;
  export const other: i32 = 3;
}

/** Boundaries are dealt with here. */
function kindOfLine(at: usize, next: usize): i32 {
  const length = <i32>(next - at);
  if (length <= 3 || load<u16>(at) != 0x2d2d) {
    if (resembles) raiseFlag(BodyFlag.multipartUnmatchedBoundary);
    return Line.other;
  }
  if (length < delimiterLength || memory.compare(at, delimiter, delimiterLength) != 0)
    return resemblesBoundary(at, next) ? Line.failure : Line.other;
  if (ending == 1) seenLf = true;
  if (boundaries > 0 && dataAt == 0) {
    // Where data should begin: one reader takes it for a boundary, another for data.
    raiseFlag(BodyFlag.multipartInvalidPart);
    return Line.other;
  }
  let rest = at + delimiterLength;
  const isLast = rest + 2 < next && load<u16>(rest) == 0x2d2d;
  if (isLast) rest += 2;
  const isCrlf = rest + 2 == next && load<u8>(rest) == 0x0d;
  if (!isCrlf && rest + 1 != next) {
    failWith('Multipart parsing error: Multipart: Invalid boundary: ', at, length, '');
    return Line.failure;
  }
  if (isCrlf) seenCrlf = true;
  else seenLf = true;
  finishPart(at);
  boundaries++;
  where = Where.headers;
  startPart();
  return isLast ? Line.last : Line.boundary;
}

/** Begins with `--` and is none of ours: true where it looks like an attempt at one. */
function resemblesBoundary(at: usize, next: usize): bool {
  const bytes = delimiterLength - 2;
  const isQuoted =
    load<u8>(at, 2) == 0x22 &&
    at + 3 + bytes <= next &&
    memory.compare(at + 3, delimiter + 2, bytes) == 0;
  if (isQuoted) {
    fail('Multipart parsing error: Multipart: Invalid boundary (quotes).');
    return true;
  }
  let word = at + 2;
  while (word < next && isSpace(load<u8>(word))) word++;
  if (word > at + 2 && word + bytes <= next && memory.compare(word, delimiter + 2, bytes) == 0) {
    fail('Multipart parsing error: Multipart: Invalid boundary (whitespace).');
    return true;
  }
  raiseFlag(BodyFlag.multipartUnmatchedBoundary);
  return false;
}

function readOther(at: usize, next: usize): bool {
  if (where == Where.before) {
    raiseFlag(BodyFlag.multipartDataBefore);
    return true;
  }
  if (where == Where.data) {
    if (dataAt == 0) dataAt = at;
    return true;
  }
  const length = <i32>(next - at);
  if (length > headerLineBytesMax)
    return fail('Multipart parsing error: Multipart: Part header line over 4096 bytes long');
  const isCrlf = length > 1 && load<u8>(next - 2) == 0x0d;
  if (isCrlf) seenCrlf = true;
  else seenLf = true;
  if (length > (isCrlf ? 2 : 1)) return readHeaderLine(at, next);
  where = Where.data;
  return finishHeaders();
}

/** What stands behind the last line end: the last boundary, or the body is cut off. */
function readRest(at: usize, end: usize): bool {
  if (boundaries == 0) return fail('Multipart parsing error: Multipart: No boundaries found in payload.');
  const isLast =
    <i32>(end - at) == delimiterLength + 2 &&
    memory.compare(at, delimiter, delimiterLength) == 0 &&
    load<u16>(end - 2) == 0x2d2d;
  if (!isLast) return fail('Multipart parsing error: Multipart: Final boundary missing.');
  if (ending == 1) seenLf = true;
  if (dataAt == 0) raiseFlag(BodyFlag.multipartInvalidPart);
  finishPart(at);
  return true;
}

/** The part that ends before the boundary at `boundary`, if there is one. */
function finishPart(boundary: usize): void {
  if (where != Where.data) return;
  const length = dataAt == 0 ? 0 : <i32>(boundary - dataAt) - ending;
  if (Disposition.fileAt != 0 || Disposition.otherAt != 0) {
    if (++files > filesMax) raiseFlag(BodyFlag.multipartFileLimit);
    if (Disposition.fileAt != 0) emitFile(Disposition.fileAt, Disposition.fileLength);
    if (Disposition.otherAt != 0) emitFile(Disposition.otherAt, Disposition.otherLength);
    emitSize(length);
  } else emitArgument(Collection.argsPost, Disposition.nameAt, Disposition.nameLength, dataAt, length);
  dataAt = 0;
}

function emitFile(at: usize, length: i32): void {
  emitValue(Collection.files, Disposition.nameAt, Disposition.nameLength, at, length);
}

function emitSize(size: i32): void {
  const text = arenaTake(16);
  let at = text + 16;
  do {
    store<u8>(--at, 0x30 + (size % 10));
    size /= 10;
  } while (size > 0);
  emitValue(Collection.fileSizes, Disposition.nameAt, Disposition.nameLength, at, <i32>(text + 16 - at));
}

/** Of the delimiter: how much of it still matches after a byte that does not. */
const fallbacks: usize = memory.data(128, 16);

function prepareSearch(): void {
  let matched = 0;
  store<u8>(fallbacks, 0);
  for (let i = 1; i < delimiterLength; i++) {
    while (matched > 0 && load<u8>(delimiter + i) != load<u8>(delimiter + matched))
      matched = load<u8>(fallbacks + matched - 1);
    if (load<u8>(delimiter + i) == load<u8>(delimiter + matched)) matched++;
    store<u8>(fallbacks + i, matched);
  }
}

/** The line that was looked through last holds the delimiter somewhere. */
let resembles: bool = false;

/** Behind the next LF, or 0. */
function findLineEnd(at: usize, end: usize): usize {
  resembles = false;
  let matched = 0;
  while (at < end) {
    if (matched == 0) {
      at = skipPlain(at, end);
      if (at >= end) return 0;
    }
    const byte = load<u8>(at++);
    if (byte == 0x0a) return at;
    while (matched > 0 && byte != load<u8>(delimiter + matched)) matched = load<u8>(fallbacks + matched - 1);
    if (byte == load<u8>(delimiter + matched)) matched++;
    if (matched == delimiterLength) {
      resembles = true;
      matched = load<u8>(fallbacks + matched - 1);
    }
  }
  return 0;
}

/** To the next dash or LF. */
function skipPlain(at: usize, end: usize): usize {
  while (at + 16 <= end) {
    const block = v128.load(at);
    const found = i8x16.bitmask(
      v128.or(i8x16.eq(block, i8x16.splat(0x2d)), i8x16.eq(block, i8x16.splat(0x0a))),
    );
    if (found != 0) return at + ctz(found);
    at += 16;
  }
  while (at < end && load<u8>(at) != 0x2d && load<u8>(at) != 0x0a) at++;
  return at;
}
