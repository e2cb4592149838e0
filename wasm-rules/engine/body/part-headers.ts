/**
 * The header lines of one part of a multipart body: kept until the blank line, then given to the sink under the
 * part's name. Names must be visible ASCII and differ; folded lines are joined and flagged (PHP folds at any white
 * space, RFC 5322 at space and tab alone).
 */
import { arenaTake } from '../arena';
import { BodyFlag, Collection, emitValue, raiseFlag } from '../sink';
import { isSpace } from '../transform/plain';
import { Disposition, parseDisposition } from './disposition';
import { fail, failWith } from './failure';

/** Of one line with its folds, and of one part. */
export const headerLineBytesMax: i32 = 4096;
export const headersPerPartMax: i32 = 64;

/** Four words a header: line, its length, length of the name, offset of the value. */
const headers: usize = memory.data(headersPerPartMax * 16, 16);
let count: i32 = 0;
/** The last header as its folds make it: there until the next begins. */
const folded: usize = memory.data(headerLineBytesMax + 16, 16);
let foldedLength: i32 = 0;

export function startPart(): void {
  count = 0;
  foldedLength = 0;
}

/** One line with its line end; false after a failure. */
export function readHeaderLine(at: usize, next: usize): bool {
  for (let byte = at; byte < next; byte++)
    if (load<u8>(byte) == 0) return fail('Multipart parsing error: Multipart: Nul byte in part headers.');
  let end = next - 1;
  if (end > at && load<u8>(end - 1) == 0x0d) end--;
  if (isSpace(load<u8>(at))) return fold(at, end);
  keepFolded();
  if (count == headersPerPartMax)
    return fail('Multipart parsing error: Multipart: Too many part headers.');
  let colon = at;
  while (colon < end && load<u8>(colon) != 0x3a) colon++;
  if (colon == end)
    return failWith(
      'Multipart parsing error: Multipart: Invalid part header (colon missing): ',
      at,
      <i32>(end - at),
      '.',
    );
  const nameLength = <i32>(colon - at);
  if (nameLength == 0)
    return fail('Multipart parsing error: Multipart: Invalid part header (header name missing).');
  for (let byte = at; byte < colon; byte++)
    if (<u32>load<u8>(byte) - 33 > 93)
      return fail(
        'Multipart parsing error: Multipart: Invalid part header (contains invalid character).',
      );
  for (let i = 0; i < count; i++)
    if (lengthOfName(i) == nameLength && isSameName(lineOf(i), at, nameLength))
      return failWith('Multipart parsing error: Multipart: Duplicate part header: ', at, nameLength, '.');
  let value = colon + 1;
  while (value < end && (load<u8>(value) == 0x20 || load<u8>(value) == 0x09)) value++;
  const header = headers + (count << 4);
  store<u32>(header, <u32>at);
  store<u32>(header, <u32>(end - at), 4);
  store<u32>(header, nameLength, 8);
  store<u32>(header, <u32>(value - at), 12);
  count++;
  return true;
}

function fold(at: usize, end: usize): bool {
  raiseFlag(BodyFlag.multipartHeaderFolding);
  if (load<u8>(at) != 0x20 && load<u8>(at) != 0x09) raiseFlag(BodyFlag.multipartInvalidHeaderFolding);
  if (count == 0)
    return fail('Multipart parsing error: Multipart: Invalid part header (folding error).');
  for (; at < end && isSpace(load<u8>(at)); at++)
    if (load<u8>(at) != 0x20 && load<u8>(at) != 0x09) raiseFlag(BodyFlag.multipartInvalidHeaderFolding);
  const header = headers + ((count - 1) << 4);
  if (foldedLength == 0) {
    foldedLength = load<i32>(header, 4);
    memory.copy(folded, load<u32>(header), foldedLength);
  }
  const length = <i32>(end - at);
  if (foldedLength + 1 + length > headerLineBytesMax)
    return fail('Multipart parsing error: Multipart: Part header too long.');
  store<u8>(folded + foldedLength, 0x20);
  memory.copy(folded + foldedLength + 1, at, length);
  foldedLength += 1 + length;
  return true;
}

function keepFolded(): void {
  if (foldedLength == 0) return;
  const header = headers + ((count - 1) << 4);
  const line = arenaTake(foldedLength);
  memory.copy(line, folded, foldedLength);
  store<u32>(header, <u32>line);
  store<u32>(header, foldedLength, 4);
  foldedLength = 0;
}

/** At the blank line: what the part is called, in `Disposition`; false after a failure. */
export function finishHeaders(): bool {
  keepFolded();
  let header: usize = 0;
  for (let i = 0; i < count; i++)
    if (lengthOfName(i) == 19 && isDispositionName(lineOf(i))) header = headers + (i << 4);
  if (header == 0)
    return fail('Multipart parsing error: Multipart: Part missing Content-Disposition header.');
  const valueAt = <usize>load<u32>(header) + load<u32>(header, 12);
  const valueLength = load<i32>(header, 4) - load<i32>(header, 12);
  const outcome = parseDisposition(valueAt, valueLength);
  if (outcome < 0) return failWith(numbered(outcome), valueAt, valueLength, '.');
  if (Disposition.nameAt == 0)
    return fail('Multipart parsing error: Multipart: Content-Disposition header missing name field.');
  for (let i = 0; i < count; i++)
    emitValue(
      Collection.partHeaders,
      Disposition.nameAt,
      Disposition.nameLength,
      lineOf(i),
      load<i32>(headers + (i << 4), 4),
    );
  return true;
}

/** `Invalid Content-Disposition header (-11): `. */
function numbered(outcome: i32): string {
  switch (outcome) {
    case -1:
      return 'Multipart parsing error: Multipart: Invalid Content-Disposition header (-1): ';
    case -11:
      return 'Multipart parsing error: Multipart: Invalid Content-Disposition header (-11): ';
    case -12:
      return 'Multipart parsing error: Multipart: Invalid Content-Disposition header (-12): ';
    case -14:
      return 'Multipart parsing error: Multipart: Invalid Content-Disposition header (-14): ';
    case -15:
      return 'Multipart parsing error: Multipart: Invalid Content-Disposition header (-15): ';
    default:
      return 'Multipart parsing error: Multipart: Invalid Content-Disposition header: ';
  }
}

@inline
function lineOf(index: i32): usize {
  return load<u32>(headers + (index << 4));
}

@inline
function lengthOfName(index: i32): i32 {
  return load<i32>(headers + (index << 4), 8);
}

function isSameName(one: usize, other: usize, length: i32): bool {
  for (let i = 0; i < length; i++) if (lower(load<u8>(one + i)) != lower(load<u8>(other + i))) return false;
  return true;
}

function isDispositionName(at: usize): bool {
  const name = 'content-disposition';
  for (let i = 0; i < name.length; i++) if (lower(load<u8>(at + i)) != name.charCodeAt(i)) return false;
  return true;
}

@inline
function lower(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}
