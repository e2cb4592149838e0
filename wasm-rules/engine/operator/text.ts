/**
 * Operators that compare bytes: `beginsWith`, `contains`, `containsWord`, `endsWith`, `streq`, `strmatch` (a
 * `contains`), `within`. Case matters; an empty argument is found everywhere.
 *
 * An argument may come out of the request by a macro, so a search is linear in the value whatever the argument is:
 * a longer one is searched with the table of Knuth, Morris and Pratt, which lies in the arena.
 */
import { arenaTake } from '../arena';

/** Up to this length the worst case is cheaper than the table. */
const plainSearchBytesMax: i32 = 16;

export function streq(at: usize, length: i32, argument: usize, argumentLength: i32): bool {
  return length == argumentLength && memory.compare(at, argument, length) == 0;
}

export function beginsWith(at: usize, length: i32, argument: usize, argumentLength: i32): bool {
  return length >= argumentLength && memory.compare(at, argument, argumentLength) == 0;
}

export function endsWith(at: usize, length: i32, argument: usize, argumentLength: i32): bool {
  if (length < argumentLength) return false;
  return memory.compare(at + length - argumentLength, argument, argumentLength) == 0;
}

export function contains(at: usize, length: i32, argument: usize, argumentLength: i32): bool {
  return find(at, length, argument, argumentLength, false);
}

/** Where neither neighbour is a letter, a digit or `_`. */
export function containsWord(at: usize, length: i32, argument: usize, argumentLength: i32): bool {
  return find(at, length, argument, argumentLength, true);
}

/** The value stands somewhere in the argument. */
export function within(at: usize, length: i32, argument: usize, argumentLength: i32): bool {
  return find(argument, argumentLength, at, length, false);
}

function find(at: usize, length: i32, wanted: usize, wantedLength: i32, asWord: bool): bool {
  if (wantedLength == 0) return true;
  if (wantedLength > length) return false;
  if (wantedLength > plainSearchBytesMax) return findByTable(at, length, wanted, wantedLength, asWord);
  const first = load<u8>(wanted);
  const last = at + length - wantedLength;
  const end = at + length;
  for (let here = firstByte(at, last, first); here <= last; here = firstByte(here + 1, last, first)) {
    if (memory.compare(here, wanted, wantedLength) != 0) continue;
    if (!asWord || isWordAt(at, end, here, here + wantedLength)) return true;
  }
  return false;
}

/** The byte at or behind `at`; an address beyond `last` for none. */
function firstByte(at: usize, last: usize, byte: u8): usize {
  const wanted = i8x16.splat(byte);
  while (at + 15 <= last) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (found != 0) return at + ctz(found);
    at += 16;
  }
  while (at <= last && load<u8>(at) != byte) at++;
  return at;
}

function findByTable(at: usize, length: i32, wanted: usize, wantedLength: i32, asWord: bool): bool {
  const table = arenaTake(wantedLength << 2);
  store<i32>(table, 0);
  let matched = 0;
  for (let i = 1; i < wantedLength; i++) {
    const byte = load<u8>(wanted + i);
    while (matched > 0 && byte != load<u8>(wanted + matched)) matched = load<i32>(table + ((matched - 1) << 2));
    if (byte == load<u8>(wanted + matched)) matched++;
    store<i32>(table + (i << 2), matched);
  }
  matched = 0;
  const end = at + length;
  for (let here = at; here < end; here++) {
    const byte = load<u8>(here);
    while (matched > 0 && byte != load<u8>(wanted + matched)) matched = load<i32>(table + ((matched - 1) << 2));
    if (byte == load<u8>(wanted + matched)) matched++;
    if (matched < wantedLength) continue;
    if (!asWord || isWordAt(at, end, here + 1 - wantedLength, here + 1)) return true;
    matched = load<i32>(table + ((matched - 1) << 2));
  }
  return false;
}

function isWordAt(at: usize, end: usize, from: usize, to: usize): bool {
  return !(from > at && isWordByte(load<u8>(from - 1))) && !(to < end && isWordByte(load<u8>(to)));
}

function isWordByte(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26 || byte == 0x5f;
}
