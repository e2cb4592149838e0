/**
 * `htmlEntityDecode` — `&#xH…`, `&#D…` (the low byte), and the names quot, amp, lt, gt, nbsp in any case; the
 * semicolon may be missing, as browsers let it. Other names stay.
 */
import { hexDigit } from './digits';
import { copyUntil } from './plain';

export function htmlEntityDecode(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  while (true) {
    const plain = copyUntil(from, end, into, 0x26);
    from += plain;
    into += plain;
    if (from >= end) break;
    const next = from + 1 < end && load<u8>(from, 1) == 0x23 ? number(from, end) : name(from, end);
    if (next > 0) {
      store<u8>(into++, decoded);
      from = next;
      if (from < end && load<u8>(from) == 0x3b) from++;
    } else store<u8>(into++, load<u8>(from++));
  }
  const written = <i32>(into - start);
  return written == length ? -1 : written;
}

/** What the last entity stood for. */
let decoded: u8 = 0;

/** Behind the digits, or 0 where `at` begins no numeric reference. */
function number(at: usize, end: usize): usize {
  at += 2;
  const isHex = at < end && (load<u8>(at) | 0x20) == 0x78;
  if (isHex) at++;
  const base: u64 = isHex ? 16 : 10;
  const first = at;
  let value: u64 = 0;
  for (; at < end; at++) {
    const digit: u64 = hexDigit(load<u8>(at));
    if (digit >= base) break;
    // Saturates as strtol does: what is too large is 255, never a wrapped number of the attacker's choice.
    if (value > (<u64>i64.MAX_VALUE - digit) / base) value = <u64>i64.MAX_VALUE;
    else value = value * base + digit;
  }
  decoded = <u8>value;
  return at == first ? 0 : at;
}

function name(at: usize, end: usize): usize {
  const first = ++at;
  let word: u64 = 0;
  while (at < end && isAlphanumeric(load<u8>(at)) && at - first < 5) word = (word << 8) | (load<u8>(at++) | 0x20);
  if (at < end && isAlphanumeric(load<u8>(at))) return 0;
  if (word == 0x6c74) decoded = 0x3c;
  else if (word == 0x6774) decoded = 0x3e;
  else if (word == 0x616d70) decoded = 0x26;
  else if (word == 0x71756f74) decoded = 0x22;
  else if (word == 0x6e627370) decoded = 0xa0;
  else return 0;
  return at;
}

@inline
function isAlphanumeric(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26;
}
