/**
 * Names that are the aim of a traversal, found with or without one: files that hold secrets or give
 * a system away, and the schemes that make a file function read something else.
 *
 * To keep prose out (`how to edit /etc/hosts`), in a value the name must stand in a word that is the
 * whole value; in a path it must follow a slash.
 */
import { isAlphanumeric } from '../../sdk/bytes';
import { isSlash, TokenSet } from '../../sdk/token-set';
import { blankLength, isBlank, isClosing, isOpening } from './delimiters';
import { fieldPath, fieldQuery, fieldReferer } from './kinds';
import { targetNames, targetUses, useAlone, usePath, useValue, useWrapper } from './names';

/**
 * How far from the token the ends of its value are looked for; what is longer than this without a blank
 * is no prose. Bounds the work for a value that repeats a token.
 */
const valueReachMax: usize = 256;
const colon: u32 = 0x3a;

const names = new TokenSet(targetNames);

let fieldAt: usize = 0;
let fieldEnd: usize = 0;
let fieldKind: i32 = 0;

/** Of the last target found. */
export let targetEnd: usize = 0;
export let targetIsWrapper: bool = false;

export function findTarget(at: usize, length: i32, kind: i32): usize {
  if (kind == fieldReferer) return 0;
  fieldAt = at;
  fieldEnd = at + length;
  fieldKind = kind;
  const found = names.find(at, length, counts);
  if (found == 0) return 0;
  targetEnd = names.matchEnd;
  targetIsWrapper = (unchecked(targetUses[names.token]) & useWrapper) != 0;
  return found;
}

function counts(start: usize, end: usize, token: i32): bool {
  const uses = unchecked(targetUses[token]);
  const atStart = start == fieldAt;
  const before = atStart ? 0 : <u32>load<u8>(start - 1);
  if ((uses & useWrapper) != 0) return fieldKind == fieldQuery && (atStart || isOpening(before));
  if ((uses & useAlone) != 0 && end < fieldEnd && isAlphanumeric(load<u8>(end))) return false;
  if (fieldKind == fieldPath) return (uses & usePath) != 0 && !atStart && isSlash(before);
  if ((uses & useValue) == 0) return false;
  return (atStart || isSlash(before) || isOpening(before)) && isWholeValue(start, end);
}

/**
 * True when no blank lies between the token and the ends of its value. Blanks at the ends themselves
 * are no prose: programs trim them.
 */
function isWholeValue(start: usize, end: usize): bool {
  return reachesStart(start) && reachesEnd(end);
}

function reachesStart(start: usize): bool {
  const stop = start - min(start - fieldAt, valueReachMax);
  for (let i = start; i > stop; i--) {
    const byte = <u32>load<u8>(i - 1);
    if (isOpening(byte) && byte != colon) return true;
    if (blankLength(i - 1, fieldEnd) != 0) return onlyBlanksBefore(i - 1);
  }
  return true;
}

function onlyBlanksBefore(at: usize): bool {
  while (at > fieldAt) {
    if (isOpening(load<u8>(at - 1))) return true;
    if (isBlank(load<u8>(at - 1))) at -= 1;
    else if (at - fieldAt >= 3 && blankLength(at - 3, at) == 3) at -= 3;
    else return false;
  }
  return true;
}

function reachesEnd(end: usize): bool {
  const stop = end + min(fieldEnd - end, valueReachMax);
  for (let i = end; i < stop; i++) {
    if (isClosing(load<u8>(i))) return true;
    let blank = blankLength(i, fieldEnd);
    if (blank == 0) continue;
    for (; blank != 0; blank = i < fieldEnd ? blankLength(i, fieldEnd) : 0) i += blank;
    return i >= fieldEnd || isClosing(load<u8>(i));
  }
  return true;
}
