/**
 * `utf8toUnicode` — each UTF-8 sequence of two to four bytes becomes `%uHHHH` (more digits beyond U+FFFF), for
 * `urlDecodeUni` to fold. A byte that begins no whole sequence is dropped; one that never could begin one stays.
 * Overlong forms and surrogates leave their first byte behind them, so that they differ from the honest form.
 */
import { hexLetters } from './digits';
import { copyUntilRange } from './plain';

export function utf8toUnicode(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  while (from < end) {
    const byte: u32 = load<u8>(from);
    if (byte == 0) {
      // NULs are gone, as in the reference.
      changed = true;
      from++;
      continue;
    }
    if (byte < 0x80) {
      const plain = copyAscii(from, end, into);
      from += plain;
      into += plain;
      continue;
    }
    const size = sizeOf(byte);
    if (size == 0) {
      store<u8>(into++, byte);
      from++;
      continue;
    }
    if (byte >= 0xf5) store<u8>(into++, byte);
    changed = true;
    if (!continues(from, end, size)) {
      from++;
      continue;
    }
    const point = pointAt(from, size);
    into = putEscape(into, point);
    const least: u32 = size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
    if (point - 0xd800 < 0x800) store<u8>(into++, byte);
    if (point < least) store<u8>(into++, byte);
    from += size;
  }
  return changed ? <i32>(into - start) : -1;
}

@inline
function copyAscii(from: usize, end: usize, into: usize): i32 {
  // From 0x80 to 0x00 in the order that begins at 0x80: high bytes and NUL.
  return copyUntilRange(from, end, into, 0x80, 0x00);
}

/** Bytes of the sequence that `byte` begins; 0 for none. */
@inline
function sizeOf(byte: u32): i32 {
  if ((byte & 0xe0) == 0xc0) return 2;
  if ((byte & 0xf0) == 0xe0) return 3;
  return (byte & 0xf8) == 0xf0 ? 4 : 0;
}

function continues(at: usize, end: usize, size: i32): bool {
  if (at + size > end) return false;
  for (let i = 1; i < size; i++) if ((load<u8>(at + i) & 0xc0) != 0x80) return false;
  return true;
}

function pointAt(at: usize, size: i32): u32 {
  let point: u32 = load<u8>(at) & (0xff >> (size + 1));
  for (let i = 1; i < size; i++) point = (point << 6) | (load<u8>(at + i) & 0x3f);
  return point;
}

function putEscape(into: usize, point: u32): usize {
  store<u16>(into, 0x7525);
  into += 2;
  let shift = point > 0xfffff ? 20 : point > 0xffff ? 16 : 12;
  for (; shift >= 0; shift -= 4) store<u8>(into++, load<u8>(hexLetters + ((point >> shift) & 15)));
  return into;
}
