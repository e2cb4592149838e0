/**
 * Which transformations can change a string, told from the kinds of bytes in it: what cannot is not run.
 *
 * Sound, never exact: a "no" is certain, a "yes" may turn out to change nothing. Each transformation names the
 * bytes without which it is the identity; two groups where it needs a byte of both.
 */
import { kindsOfByte, kindsOfRange, upperKind } from '../match/byte-kinds';
import { Transformation } from './names';

const count = 37;
/** Two words of kinds for each: one of the first must be there, and one of the second. */
const needs: usize = memory.data(count * 16, 16);
let isReady = false;

const always: u64 = ~0;

export function canChange(id: i32, kinds: u64): bool {
  if (!isReady) prepare();
  const need = needs + (<usize>id << 4);
  return (kinds & load<u64>(need)) != 0 && (kinds & load<u64>(need, 8)) != 0;
}

/** Whether it can turn even an empty value into another. */
export function changesEmpty(id: i32): bool {
  return id == Transformation.length || id == Transformation.md5 || id == Transformation.sha1;
}

/**
 * Kinds without which all that it makes of a string is of kinds that the string has, or a space. None for those that
 * only leave bytes out, put a space in their place or write letters small.
 */
export function opensWith(id: i32): u64 {
  switch (id) {
    case Transformation.cmdLine:
    case Transformation.compressWhitespace:
    case Transformation.lowercase:
    case Transformation.normalizePath:
    case Transformation.removeCommentsChar:
    case Transformation.removeNulls:
    case Transformation.removeWhitespace:
    case Transformation.replaceComments:
    case Transformation.replaceNulls:
    case Transformation.trim:
    case Transformation.trimLeft:
    case Transformation.trimRight:
      return 0;
    case Transformation.normalizePathWin:
      return kindsOfByte(0x5c);
    default:
      if (!isReady) prepare();
      return load<u64>(needs + (<usize>id << 4));
  }
}

/** What makes other bytes of all there are: nothing is known of the result, and mostly it is of no use. */
@inline
export function scrambles(id: i32): bool {
  return id == Transformation.base64Decode || id == Transformation.base64DecodeExt || id == Transformation.hexDecode;
}

function need(id: i32, first: u64, second: u64 = always): void {
  store<u64>(needs + (<usize>id << 4), first);
  store<u64>(needs + (<usize>id << 4), second, 8);
}

function prepare(): void {
  isReady = true;
  for (let id = 0; id < count; id++) need(id, always);
  const upper = upperKind();
  const lower = kindsOfRange(0x61, 0x7a);
  const high = kindsOfRange(0x80, 0xff);
  const nul = kindsOfByte(0);
  const controlSpace = kindsOfRange(0x09, 0x0d);
  const space = controlSpace | kindsOfByte(0x20);
  const backslash = kindsOfByte(0x5c);
  const percent = kindsOfByte(0x25) | kindsOfByte(0x2b);
  const slash = kindsOfByte(0x2f);
  const dotted = slash | kindsOfByte(0x2e);
  const quotes = kindsOfByte(0x22) | kindsOfByte(0x27) | backslash | kindsOfByte(0x5e);
  const marks = kindsOfByte(0x23) | kindsOfByte(0x2d);
  need(Transformation.cmdLine, quotes | space | kindsOfByte(0x2c) | kindsOfByte(0x3b) | upper);
  need(Transformation.compressWhitespace, space | kindsOfByte(0xa0));
  need(Transformation.removeWhitespace, space | kindsOfByte(0xa0));
  need(Transformation.trim, space);
  need(Transformation.trimLeft, space);
  need(Transformation.trimRight, space);
  need(Transformation.cssDecode, backslash);
  need(Transformation.escapeSeqDecode, backslash);
  need(Transformation.jsDecode, backslash);
  need(Transformation.htmlEntityDecode, kindsOfByte(0x26));
  need(Transformation.lowercase, upper);
  need(Transformation.uppercase, lower);
  need(Transformation.normalizePath, dotted);
  need(Transformation.normalizePathWin, dotted | backslash);
  need(Transformation.parityZero7bit, high);
  need(Transformation.removeComments, marks | slash | kindsOfByte(0x3c), marks | kindsOfByte(0x2a));
  need(Transformation.removeCommentsChar, marks | slash, marks | kindsOfByte(0x2a));
  need(Transformation.replaceComments, slash, kindsOfByte(0x2a));
  need(Transformation.removeNulls, nul);
  need(Transformation.replaceNulls, nul);
  need(Transformation.sqlHexDecode, kindsOfByte(0x30), kindsOfByte(0x78) | kindsOfByte(0x58));
  need(Transformation.urlDecode, percent);
  need(Transformation.urlDecodeUni, percent);
  need(Transformation.utf8toUnicode, high | nul);
  // A capital: base64 has one.
  const lead = kindsOfRange(0xc0, 0xff);
  need(Transformation.foldLookAlikes, upper | lead | space);
  need(Transformation.decodeAll, percent | kindsOfByte(0x26) | backslash | lead | upper);
}
