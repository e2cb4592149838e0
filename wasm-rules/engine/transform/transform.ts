/**
 * Transformations of SecLang: pure functions from bytes to bytes, each one pass over the value.
 *
 * Semantics are those of ModSecurity 2.9. Where ModSecurity 3 differs, and where the reference itself ends a value
 * at a NUL, `README.md` says what holds here and why. `decodeAll` and
 * `foldLookAlikes` are Weir's own; the first passes more than once.
 */
import { base64Decode, base64DecodeExt, base64Encode } from './base64';
import { cmdLine } from './cmd-line';
import { removeComments, removeCommentsChar, replaceComments } from './comments';
import { cssDecode } from './css-decode';
import { decodeAll, decodeLayersMax } from './decode-all';
import { escapeSeqDecode } from './escape-seq-decode';
import { foldLookAlikes } from './fold-look-alikes';
import { hexDecode, hexEncode, sqlHexDecode } from './hex';
import { htmlEntityDecode } from './html-entity-decode';
import { jsDecode } from './js-decode';
import { lengthOf } from './length';
import { lowercase, uppercase } from './letter-case';
import { md5 } from './md5';
import { Transformation } from './names';
import { normalizePath } from './normalize-path';
import { removeNulls, replaceNulls } from './nulls';
import { parity, parityZero } from './parity';
import { sha1 } from './sha1';
import { urlDecode, urlDecodeUni, urlEncode } from './url';
import { utf8toUnicode } from './utf8-to-unicode';
import { compressWhitespace, removeWhitespace, trim } from './white-space';

/** Output bytes for each byte of input, at most; `outputBytesMax` adds what does not depend on the input. */
export function growthOf(id: i32): i32 {
  switch (id) {
    case Transformation.base64Encode:
    case Transformation.hexEncode:
      return 2;
    case Transformation.urlEncode:
      return 3;
    case Transformation.utf8toUnicode:
      return 4;
    default:
      return 1;
  }
}

/** Passes over the value, at most: what a byte of it is charged. */
export function passesOf(id: i32): u32 {
  return id == Transformation.decodeAll ? 1 + 2 * decodeLayersMax : 2;
}

/** Room to give for a value of `length` bytes: a digest, rounding, and the 15 bytes that copies may write beyond. */
export const outputSlackBytes: i32 = 48;

@inline
export function outputBytesMax(id: i32, length: i32): i32 {
  return length * growthOf(id) + outputSlackBytes;
}

/** Bytes written to `into`; -1 where the value stays as it is, and `into` holds nothing of use. */
export function transform(id: i32, from: usize, length: i32, into: usize): i32 {
  switch (id) {
    case Transformation.base64Decode:
      return same(from, length, into, base64Decode(from, length, into));
    case Transformation.base64DecodeExt:
      return same(from, length, into, base64DecodeExt(from, length, into));
    case Transformation.base64Encode:
      return base64Encode(from, length, into);
    case Transformation.cmdLine:
      return cmdLine(from, length, into);
    case Transformation.compressWhitespace:
      return compressWhitespace(from, length, into);
    case Transformation.cssDecode:
      return cssDecode(from, length, into);
    case Transformation.escapeSeqDecode:
      return escapeSeqDecode(from, length, into);
    case Transformation.hexDecode:
      return hexDecode(from, length, into);
    case Transformation.hexEncode:
      return hexEncode(from, length, into);
    case Transformation.htmlEntityDecode:
      return htmlEntityDecode(from, length, into);
    case Transformation.jsDecode:
      return jsDecode(from, length, into);
    case Transformation.length:
      return same(from, length, into, lengthOf(length, into));
    case Transformation.lowercase:
      return lowercase(from, length, into);
    case Transformation.md5:
      return same(from, length, into, md5(from, length, into));
    case Transformation.normalizePath:
      return normalizePath(from, length, into, false);
    case Transformation.normalizePathWin:
      return normalizePath(from, length, into, true);
    case Transformation.parityEven7bit:
      return parity(from, length, into, 0);
    case Transformation.parityOdd7bit:
      return parity(from, length, into, 1);
    case Transformation.parityZero7bit:
      return parityZero(from, length, into);
    case Transformation.removeComments:
      return same(from, length, into, removeComments(from, length, into));
    case Transformation.removeCommentsChar:
      return removeCommentsChar(from, length, into);
    case Transformation.removeNulls:
      return removeNulls(from, length, into);
    case Transformation.removeWhitespace:
      return removeWhitespace(from, length, into);
    case Transformation.replaceComments:
      return replaceComments(from, length, into);
    case Transformation.replaceNulls:
      return replaceNulls(from, length, into);
    case Transformation.sha1:
      return same(from, length, into, sha1(from, length, into));
    case Transformation.sqlHexDecode:
      return sqlHexDecode(from, length, into);
    case Transformation.trim:
      return trim(from, length, into, true, true);
    case Transformation.trimLeft:
      return trim(from, length, into, true, false);
    case Transformation.trimRight:
      return trim(from, length, into, false, true);
    case Transformation.uppercase:
      return uppercase(from, length, into);
    case Transformation.urlDecode:
      return urlDecode(from, length, into);
    case Transformation.urlDecodeUni:
      return urlDecodeUni(from, length, into);
    case Transformation.urlEncode:
      return urlEncode(from, length, into);
    case Transformation.utf8toUnicode:
      return utf8toUnicode(from, length, into);
    case Transformation.decodeAll:
      return decodeAll(from, length, into);
    case Transformation.foldLookAlikes:
      return foldLookAlikes(from, length, into);
    default:
      return unreachable();
  }
}

/** For those that write without telling a change: the value itself is the exception, but it happens. */
function same(from: usize, length: i32, into: usize, written: i32): i32 {
  if (written != length) return written;
  return memory.compare(from, into, length) == 0 ? -1 : written;
}
