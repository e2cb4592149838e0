/** `removeComments`, `removeCommentsChar`, `replaceComments`. */
import { copyUntil } from './plain';

const slash: u8 = 0x2f;
const star: u8 = 0x2a;
const dash: u8 = 0x2d;

@inline
function startsPair(at: usize, end: usize, first: u8, second: u8): bool {
  return at + 1 < end && load<u8>(at) == first && load<u8>(at, 1) == second;
}

/** What a mark of a comment may begin with: # - / * < */
@inline
function isMark(byte: u32): bool {
  return byte == 0x23 || byte == dash || byte == slash || byte == star || byte == 0x3c;
}

/** `<!--` of HTML. */
function startsHtml(at: usize, end: usize): bool {
  return at + 3 < end && load<u32>(at) == 0x2d2d213c;
}

/** `-->` of HTML. */
function endsHtml(at: usize, end: usize): bool {
  return startsPair(at, end, dash, dash) && at + 2 < end && load<u8>(at, 2) == 0x3e;
}

/** C comments become one space, one that is never closed too. */
export function replaceComments(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  while (true) {
    const plain = copyUntil(from, end, into, slash);
    from += plain;
    into += plain;
    if (from >= end) break;
    if (!startsPair(from, end, slash, star)) {
      store<u8>(into++, slash);
      from++;
      continue;
    }
    changed = true;
    from += 2;
    while (from < end && !startsPair(from, end, star, slash)) from++;
    store<u8>(into++, 0x20);
    if (from >= end) break;
    from += 2;
  }
  return changed ? <i32>(into - start) : -1;
}

/**
 * C and HTML comments go; `--` and `#` end the value. The byte behind a comment is kept unseen, a NUL where there
 * is none, and a comment that is never closed leaves a space: the reference does so, and rules are written to it.
 */
export function removeComments(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  while (from < end) {
    const byte = load<u8>(from);
    if (!isMark(byte)) {
      store<u8>(into++, byte);
      from++;
      continue;
    }
    if (byte == 0x23 || startsPair(from, end, dash, dash)) {
      changed = true;
      break;
    }
    const isHtml = startsHtml(from, end);
    if (!isHtml && !startsPair(from, end, slash, star)) {
      store<u8>(into++, byte);
      from++;
      continue;
    }
    changed = true;
    from += isHtml ? 4 : 2;
    while (from < end && !startsPair(from, end, star, slash) && !endsHtml(from, end)) from++;
    if (from >= end) {
      store<u8>(into++, 0x20);
      break;
    }
    from += load<u8>(from) == star ? 2 : 3;
    store<u8>(into++, from < end ? load<u8>(from) : 0);
    from++;
  }
  return changed ? <i32>(into - start) : -1;
}

/** The marks of comments go, what they enclose stays. */
export function removeCommentsChar(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  while (from < end) {
    const byte = load<u8>(from);
    if (!isMark(byte)) {
      store<u8>(into++, byte);
      from++;
    } else if (startsPair(from, end, slash, star) || startsPair(from, end, star, slash)) from += 2;
    else if (startsHtml(from, end)) from += 4;
    else if (startsPair(from, end, dash, dash)) from += endsHtml(from, end) ? 3 : 2;
    else if (byte == 0x23) from++;
    else {
      store<u8>(into++, byte);
      from++;
    }
  }
  const written = <i32>(into - start);
  return written == length ? -1 : written;
}
