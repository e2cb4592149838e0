/**
 * Operators that compare bytes: `beginsWith`, `contains`, `containsWord`, `endsWith`, `streq`, `strmatch` (a
 * `contains`), `within`. Case matters; an empty argument is found everywhere.
 *
 * Sixteen places at a time are asked for the first and the last byte. An argument may come out of the request by a macro,
 * so a search is linear in the value whatever the argument is: where too much is compared in vain it goes on with the table
 * of Knuth, Morris and Pratt, which lies in the arena.
 */
import { arenaTake } from '../arena';

/** Compared in vain at any rate, before a table is made. */
const plainSearchBytes: i32 = 256;

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
  const behind = <usize>wantedLength - 1;
  const first = i8x16.splat(load<u8>(wanted));
  const final = i8x16.splat(load<u8>(wanted + behind));
  const end = at + length;
  const last = end - wantedLength;
  // Bytes to compare in vain; beyond that the table is cheaper, whatever comes.
  let credit = 2 * length + plainSearchBytes;
  let here = at;
  for (; here + 15 <= last && credit >= 0; here += 16) {
    const fits = v128.and(i8x16.eq(v128.load(here), first), i8x16.eq(v128.load(here + behind), final));
    for (let mask = <u32>i8x16.bitmask(fits); mask != 0; mask &= mask - 1) {
      credit -= wantedLength;
      if (isFound(at, end, here + <usize>ctz(mask), wanted, wantedLength, asWord)) return true;
    }
  }
  for (; here <= last && credit >= 0; here++) {
    if (load<u8>(here) != load<u8>(wanted)) continue;
    credit -= wantedLength;
    if (isFound(at, end, here, wanted, wantedLength, asWord)) return true;
  }
  return here <= last && findByTable(at, here, end, wanted, wantedLength, asWord);
}

@inline
function isFound(at: usize, end: usize, here: usize, wanted: usize, wantedLength: i32, asWord: bool): bool {
  if (memory.compare(here, wanted, wantedLength) != 0) return false;
  return !asWord || isWordAt(at, end, here, here + wantedLength);
}

/** From `from` on. */
function findByTable(
  at: usize,
  from: usize,
  end: usize,
  wanted: usize,
  wantedLength: i32,
  asWord: bool,
): bool {
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
  for (let here = from; here < end; here++) {
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
