/**
 * The table of values of one call: what the parsers found, by where it came from.
 *
 * A record (32 bytes): next of its source, name, value, source, and the strings of both once somebody asked.
 */
import { arenaTake } from '../engine/arena';
import { charge } from './fuel';
import { Part, Source } from './layout';
import { intern } from './strings';

const recordBytes: usize = 48;
const firsts: usize = memory.data(96 * 4, 16);
const lasts: usize = memory.data(96 * 4, 16);
const counts: usize = memory.data(96 * 4, 16);
/** Names and values together, of each source. */
const sizes: usize = memory.data(96 * 4, 16);
/** Bits of the names of each source, `nameBit`. */
const names: usize = memory.data(96 * 8, 16);

export function resetValues(): void {
  const bytes: usize = <usize>Source.count << 2;
  memory.fill(firsts, 0, bytes);
  memory.fill(lasts, 0, bytes);
  memory.fill(counts, 0, bytes);
  memory.fill(sizes, 0, bytes);
  memory.fill(names, 0, bytes << 1);
}

/** The same for names that are equal but for case. */
@inline
export function nameBit(at: usize, length: i32): u64 {
  return length == 0 ? 1 : <u64>1 << <u64>((<u32>length + (<u32>load<u8>(at) & 31) * 5) & 63);
}

/** False: it has none with such a name. */
@inline
export function mayHaveName(source: i32, bit: u64): bool {
  return (load<u64>(names + (<usize>source << 3)) & bit) != 0;
}

/** Adds a value to its source; it is borrowed for the call. */
export function addValue(
  source: i32,
  nameAt: usize,
  nameLength: i32,
  at: usize,
  length: i32,
): usize {
  charge(8);
  const value = looseValue(source, nameAt, nameLength, at, length);
  const slot = <usize>source << 2;
  const last = load<usize>(lasts + slot);
  if (last == 0) store<usize>(firsts + slot, value);
  else store<usize>(last, value);
  store<usize>(lasts + slot, value);
  store<i32>(counts + slot, load<i32>(counts + slot) + 1);
  store<i32>(sizes + slot, load<i32>(sizes + slot) + nameLength + length);
  const bits = names + (<usize>source << 3);
  store<u64>(bits, load<u64>(bits) | nameBit(nameAt, nameLength));
  return value;
}

/** One that belongs to no list. */
export function looseValue(
  source: i32,
  nameAt: usize,
  nameLength: i32,
  at: usize,
  length: i32,
): usize {
  const value = arenaTake(recordBytes);
  store<usize>(value, 0);
  store<usize>(value, nameAt, 4);
  store<i32>(value, nameLength, 8);
  store<usize>(value, at, 12);
  store<i32>(value, length, 16);
  store<i32>(value, source, 20);
  store<usize>(value, 0, 24);
  store<usize>(value, 0, 28);
  return value;
}

@inline
export function firstOf(source: i32): usize {
  return load<usize>(firsts + (<usize>source << 2));
}

@inline
export function lastOf(source: i32): usize {
  return load<usize>(lasts + (<usize>source << 2));
}

@inline
export function countOf(source: i32): i32 {
  return load<i32>(counts + (<usize>source << 2));
}

@inline
export function sizeOf(source: i32): i32 {
  return load<i32>(sizes + (<usize>source << 2));
}

@inline
export function nextOf(value: usize): usize {
  return load<usize>(value);
}

@inline
export function nameAt(value: usize): usize {
  return load<usize>(value, 4);
}

@inline
export function nameLength(value: usize): i32 {
  return load<i32>(value, 8);
}

@inline
export function valueAt(value: usize): usize {
  return load<usize>(value, 12);
}

@inline
export function valueLength(value: usize): i32 {
  return load<i32>(value, 16);
}

@inline
export function sourceOf(value: usize): i32 {
  return load<i32>(value, 20);
}

/** Another text in the place of a value's, as when a header comes twice. Before anybody asked for its string. */
export function replaceText(value: usize, at: usize, length: i32): void {
  store<usize>(value, at, 12);
  store<i32>(value, length, 16);
}

/** The distinct string of its value or its name. */
export function stringOf(value: usize, part: i32): usize {
  if (part == Part.name) {
    const known = load<usize>(value, 28);
    if (known != 0) return known;
    const string = intern(nameAt(value), nameLength(value));
    store<usize>(value, string, 28);
    return string;
  }
  const known = load<usize>(value, 24);
  if (known != 0) return known;
  const string = intern(valueAt(value), valueLength(value));
  store<usize>(value, string, 24);
  return string;
}

export function clearSource(source: i32): void {
  const slot = <usize>source << 2;
  store<usize>(firsts + slot, 0);
  store<usize>(lasts + slot, 0);
  store<i32>(counts + slot, 0);
  store<i32>(sizes + slot, 0);
  store<u64>(names + (<usize>source << 3), 0);
}
