/** One layer of one field: everything this rule looks for, in the order of how telling it is. */
import { isLetter } from '../../sdk/bytes';
import { findByte, findTwice } from '../../sdk/scan';
import { isSlash } from '../../sdk/token-set';
import { isClosing, isOpening } from './delimiters';
import { fieldPath } from './kinds';
import { findTarget, targetEnd, targetIsWrapper } from './targets';

/** Of the last finding. */
export let findingRule: string = '';
export let findingReason: string = '';
export let findingAt: usize = 0;
export let findingLength: i32 = 0;

const dot: u8 = 0x2e;

export function inspect(at: usize, length: i32, field: i32): bool {
  const end = at + length;
  return (
    findDotSegment(at, end, field) ||
    inspectNames(at, length, field) ||
    findNull(at, end, field)
  );
}

/** Only the names: all there is to find in a field without `..` and NUL. */
export function inspectNames(at: usize, length: i32, field: i32): bool {
  const target = findTarget(at, length, field);
  if (target == 0) return false;
  if (targetIsWrapper) {
    return found(
      'path-traversal/stream-wrapper',
      'a value opens a stream wrapper instead of naming a page',
      target,
      targetEnd,
    );
  }
  return found(
    'path-traversal/sensitive-file',
    'names a system or configuration file that is never served',
    target,
    targetEnd,
  );
}

/** A dot segment where a segment can begin and end; see the table in `isDotSegment`. */
function findDotSegment(at: usize, end: usize, field: i32): bool {
  let position = at;
  while (true) {
    const start = findTwice(position, end, dot);
    if (start == end) return false;
    position = start + 2;
    while (position < end && load<u8>(position) == dot) position++;
    if (!isDotSegment(start, position, at, end, field)) continue;
    const from = start > at ? start - 1 : start;
    const to = min(position + 1, end);
    return found('path-traversal/dot-dot', 'a ".." segment leads out of the directory', from, to);
  }
}

/**
 * | dots | path | query and headers |
 * | --- | --- | --- |
 * | 2 | before a slash (`/x../` is the off-by-slash attack on aliases), or between a slash and an end | where a value or segment begins, before a slash; or between a slash and an end |
 * | 3 | between slashes (old Windows climbs two levels) | never: it is an ellipsis |
 * | 4 and more | before a slash: what is left when a filter removes `../` once | where a value or segment begins, before a slash |
 *
 * So prose (`see ../guide`, `and so on.../or`), ranges (`1..5`, `a..b`) and names (`foo..bar`) pass.
 */
function isDotSegment(start: usize, stop: usize, at: usize, end: usize, field: i32): bool {
  const slashBefore = start > at && isSlash(load<u8>(start - 1));
  const slashAfter = stop < end && isSlash(load<u8>(stop));
  if (!slashAfter && !(slashBefore && stop - start == 2)) return false;
  const closes = stop == end || isClosing(load<u8>(stop));
  const dots = stop - start;
  if (field == fieldPath) return dots == 3 ? slashBefore && slashAfter : slashAfter || closes;
  if (dots == 3) return false;
  if (!slashAfter) return closes;
  return slashBefore || start == at || isOpening(load<u8>(start - 1));
}

/**
 * A NUL ends the name for a backend written in C, whatever extension follows. No path has one; in a
 * value it may be binary data, so there it has to stand in front of an extension.
 */
function findNull(at: usize, end: usize, field: i32): bool {
  for (let i = findByte(at, end, 0); i < end; i = findByte(i + 1, end, 0)) {
    const cutsExtension = i + 2 < end && load<u8>(i, 1) == dot && isLetter(load<u8>(i, 2));
    if (field == fieldPath || cutsExtension) {
      return found(
        'path-traversal/null-byte',
        'a NUL byte cuts a file name short',
        max(at, i - 16),
        min(end, i + 16),
      );
    }
  }
  return false;
}

function found(rule: string, reason: string, from: usize, to: usize): bool {
  findingRule = rule;
  findingReason = reason;
  findingAt = from;
  findingLength = <i32>(to - from);
  return true;
}
