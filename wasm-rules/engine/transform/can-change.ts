/**
 * Which transformations can change a string, told from the kinds of bytes in it: what cannot is not run.
 *
 * Sound, never exact: a "no" is certain, a "yes" may turn out to change nothing. Each transformation names the
 * bytes without which it is the identity; two groups where it needs a byte of both.
 */
import { kindBit, kindBitsOfRange } from './kinds';
import { Transformation } from './names';

const count = 35;
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

function need(id: i32, first: u64, second: u64 = always): void {
  store<u64>(needs + (<usize>id << 4), first);
  store<u64>(needs + (<usize>id << 4), second, 8);
}

function prepare(): void {
  isReady = true;
  for (let id = 0; id < count; id++) need(id, always);
  const upper = kindBitsOfRange(0x41, 0x5a);
  const lower = kindBitsOfRange(0x61, 0x7a);
  const high = kindBitsOfRange(0x80, 0xff);
  const nul = kindBit(0);
  const controlSpace = kindBitsOfRange(0x09, 0x0d);
  const space = controlSpace | kindBit(0x20);
  const backslash = kindBit(0x5c);
  const percent = kindBit(0x25) | kindBit(0x2b);
  const slash = kindBit(0x2f);
  const dotted = slash | kindBit(0x2e);
  const quotes = kindBit(0x22) | kindBit(0x27) | backslash | kindBit(0x5e);
  const marks = kindBit(0x23) | kindBit(0x2d);
  need(Transformation.cmdLine, quotes | space | kindBit(0x2c) | kindBit(0x3b) | upper);
  need(Transformation.compressWhitespace, space | kindBit(0xa0));
  need(Transformation.removeWhitespace, space | kindBit(0xa0));
  need(Transformation.trim, space);
  need(Transformation.trimLeft, space);
  need(Transformation.trimRight, space);
  need(Transformation.cssDecode, backslash);
  need(Transformation.escapeSeqDecode, backslash);
  need(Transformation.jsDecode, backslash);
  need(Transformation.htmlEntityDecode, kindBit(0x26));
  need(Transformation.lowercase, upper);
  need(Transformation.uppercase, lower);
  need(Transformation.normalizePath, dotted);
  need(Transformation.normalizePathWin, dotted | backslash);
  need(Transformation.parityZero7bit, high);
  need(Transformation.removeComments, marks | slash | kindBit(0x3c), marks | kindBit(0x2a));
  need(Transformation.removeCommentsChar, marks | slash, marks | kindBit(0x2a));
  need(Transformation.replaceComments, slash, kindBit(0x2a));
  need(Transformation.removeNulls, nul);
  need(Transformation.replaceNulls, nul);
  need(Transformation.sqlHexDecode, kindBit(0x30), kindBit(0x78) | kindBit(0x58));
  need(Transformation.urlDecode, percent);
  need(Transformation.urlDecodeUni, percent);
  need(Transformation.utf8toUnicode, high | nul);
}
