/** References in XML text: `&#D;`, `&#xH;`, and the five names that XML itself declares. */
import { hexDigit } from '../transform/digits';
import { putPoint } from './utf8';

let point: u32 = 0;

/** Behind the reference that begins at `at`, or 0 where it is none of these. */
export function referenceEnd(at: usize, end: usize): usize {
  at++;
  if (at < end && load<u8>(at) == 0x23) return numberEnd(at + 1, end);
  let word: u64 = 0;
  const start = at;
  while (at < end && at - start < 5 && load<u8>(at) != 0x3b) word = (word << 8) | load<u8>(at++);
  if (at >= end || load<u8>(at) != 0x3b) return 0;
  if (word == 0x6c74) point = 0x3c;
  else if (word == 0x6774) point = 0x3e;
  else if (word == 0x616d70) point = 0x26;
  else if (word == 0x71756f74) point = 0x22;
  else if (word == 0x61706f73) point = 0x27;
  else return 0;
  return at + 1;
}

function numberEnd(at: usize, end: usize): usize {
  const isHex = at < end && load<u8>(at) == 0x78;
  if (isHex) at++;
  const base: u32 = isHex ? 16 : 10;
  const start = at;
  let value: u32 = 0;
  for (; at < end; at++) {
    const digit = hexDigit(load<u8>(at));
    if (digit >= base) break;
    value = value * base + digit;
    if (value > 0x10ffff) return 0;
  }
  if (at == start || at >= end || load<u8>(at) != 0x3b) return 0;
  const isControl = value < 0x20 && value != 0x09 && value != 0x0a && value != 0x0d;
  if (isControl || value - 0xd800 < 0x800) return 0;
  point = value;
  return at + 1;
}

/** Writes what the last reference stands for; bytes written. */
export function putReference(into: usize): i32 {
  return putPoint(into, point);
}
