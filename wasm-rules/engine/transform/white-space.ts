/** `compressWhitespace`, `removeWhitespace`, `trim`, `trimLeft`, `trimRight`. A byte 0xA0 is space to the first two alone. */
import { copyUntilSpaceOr, isSpace } from './plain';

const noBreakSpace: u8 = 0xa0;

/** Runs become one space; so does any other white space that stands alone. */
export function compressWhitespace(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  while (true) {
    const plain = copyUntilSpaceOr(from, end, into, noBreakSpace);
    from += plain;
    into += plain;
    if (from >= end) break;
    const run = from;
    do from++;
    while (from < end && (isSpace(load<u8>(from)) || load<u8>(from) == noBreakSpace));
    if (from - run > 1 || load<u8>(run) != 0x20) changed = true;
    store<u8>(into++, 0x20);
  }
  return changed ? <i32>(into - start) : -1;
}

export function removeWhitespace(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  while (true) {
    const plain = copyUntilSpaceOr(from, end, into, noBreakSpace);
    from += plain;
    into += plain;
    if (from >= end) break;
    from++;
  }
  const written = <i32>(into - start);
  return written == length ? -1 : written;
}

export function trim(from: usize, length: i32, into: usize, left: bool, right: bool): i32 {
  const start = from;
  let end = from + length;
  if (left) while (from < end && isSpace(load<u8>(from))) from++;
  if (right) while (end > from && isSpace(load<u8>(end - 1))) end--;
  const kept = <i32>(end - from);
  if (kept == length && from == start) return -1;
  memory.copy(into, from, kept);
  return kept;
}
