/**
 * The prefilter: one pass over a string says which entries of a scan set (patterns, phrase sets) can match
 * it (`src/waf/match/trigrams.ts` says how). Up to eight bytes behind the string are read, never used. Never a "no" that is wrong; what is left is confirmed by `matchPattern` or `findPhrase`.
 */
import { charge } from '../budget';
import { kindTable, upperKind } from './byte-kinds';
import { ScanWord } from './format';
import { hasIndex, listOf, makeIndex } from './scan-index';

/** Literal hits of the string at hand: 4,096 bits, `scanBitsMax`. */
const hits: usize = memory.data(512, 16);

/** u64 words that `bits` of `scan` points at: an even number. */
export function scanWords(set: usize): i32 {
  return load<u32>(set, ScanWord.words * 4);
}

/**
 * ORs the candidates into `bits` and returns the kinds of bytes that the string has. Behind `bits` there is room for as
 * many words again, which `scanLowered` takes: what the literals say.
 */
export function scan(set: usize, at: usize, length: i32, bits: usize): u64 {
  charge(length + 16);
  if (!hasIndex(set)) makeIndex(set);
  const rowBytes: usize = (<usize>load<u32>(set, ScanWord.words * 4)) << 3;
  copyRow(hits, set + load<u32>(set, ScanWord.alwaysAt * 4), rowBytes);
  const first: u32 = length > 0 ? load<u8>(at) : 0;
  const kinds = walk(set, at, at + <usize>length, rowBytes);
  copyRow(bits + rowBytes, hits, rowBytes);
  collect(set, kinds, length, first, bits, rowBytes);
  return kinds;
}

/**
 * The same for the string in lower case, without a look at it: literals are found in any case, and of kinds there is one
 * less. `scanned` is what `scan` left, `at` the string in lower case.
 */
export function scanLowered(set: usize, kinds: u64, at: usize, length: i32, scanned: usize, bits: usize): u64 {
  charge(16);
  const rowBytes: usize = (<usize>load<u32>(set, ScanWord.words * 4)) << 3;
  copyRow(hits, scanned + rowBytes, rowBytes);
  copyRow(bits + rowBytes, hits, rowBytes);
  const lowered = kinds & ~upperKind();
  collect(set, lowered, length, load<u8>(at), bits, rowBytes);
  return lowered;
}

/** Three classes are an index into pairs of bits; where two in a row fit, literals are compared. */
@inline
function walk(set: usize, at: usize, end: usize, rowBytes: usize): u64 {
  const start = at;
  const classes = set + load<u32>(set, ScanWord.classesAt * 4);
  const trigrams = set + load<u32>(set, ScanWord.trigramsAt * 4);
  const kindsAt = kindTable();
  let index: u32 = 0;
  let earlier: u32 = 0;
  let kinds: u64 = 0;
  while (at < end) {
    const byte = <usize>load<u8>(at++);
    kinds |= load<u64>(kindsAt + (byte << 3));
    const before = index;
    index = ((index << 6) | load<u8>(classes + byte)) & 0x3ffff;
    const pair = <u32>load<u8>(trigrams + (index >> 2)) >> ((index & 3) << 1);
    if ((earlier & (pair >> 1) & 1) != 0) compare(set, before, start, at - 4, end, rowBytes);
    earlier = pair;
  }
  // Class 0 behind the end, twice: for literals of three bytes and of two.
  for (let behind: usize = 0; behind < 2; behind++) {
    const before = index;
    index = (index << 6) & 0x3ffff;
    const pair = <u32>load<u8>(trigrams + (index >> 2)) >> ((index & 3) << 1);
    if ((earlier & (pair >> 1) & 1) != 0)
      compare(set, before, start, end - 3 + behind, end, rowBytes);
    earlier = pair;
  }
  return kinds;
}

/** The literals behind an index, compared whole; `at` is where the three bytes lie. */
function compare(
  set: usize,
  index: u32,
  start: usize,
  at: usize,
  end: usize,
  rowBytes: usize,
): void {
  const lists = listOf(set, index);
  const checks = set + load<u32>(set, ScanWord.checksAt * 4);
  const numbers = set + load<u32>(set, ScanWord.checkNumbersAt * 4);
  const last = numbers + (<usize>load<u32>(lists, 4) << 2);
  charge(load<u32>(lists, 4) - load<u32>(lists));
  for (let number = numbers + (<usize>load<u32>(lists) << 2); number < last; number += 4) {
    const check = checks + (<usize>load<u32>(number) << 5);
    const from = at - <usize>load<u8>(check, 25);
    const length = <usize>load<u8>(check, 24);
    if (from < start || from + length > end || !isAt(check, from)) continue;
    // The rest of a literal is a record behind the first.
    if (length > 8 && !isAt(check + 32, from + 8)) continue;
    const row = set + load<u32>(check, 28);
    for (let i: usize = 0; i < rowBytes; i += 16)
      v128.store(hits + i, v128.or(v128.load(hits + i), v128.load(row + i)));
  }
}

@inline
function isAt(check: usize, from: usize): bool {
  return ((load<u64>(from) | load<u64>(check, 16)) & load<u64>(check, 8)) == load<u64>(check);
}

@inline
function copyRow(to: usize, from: usize, rowBytes: usize): void {
  for (let i: usize = 0; i < rowBytes; i += 16) v128.store(to + i, v128.load(from + i));
}

/** Candidates: those with a literal, and what kinds, length and first byte allow. Two words at a time. */
@inline
function collect(
  set: usize,
  kinds: u64,
  length: i32,
  first: u32,
  bits: usize,
  rowBytes: usize,
): void {
  const longest = load<u32>(set, ScanWord.lengthRows * 4) - 1;
  const lengthRow = (<u32>length < longest ? <usize>length : <usize>longest) * rowBytes;
  const lengths = set + load<u32>(set, ScanWord.lengthsAt * 4) + lengthRow;
  const firstRow = load<u8>(set + load<u32>(set, ScanWord.firstOfByteAt * 4) + first);
  const firsts = set + load<u32>(set, ScanWord.firstsAt * 4) + <usize>firstRow * rowBytes;
  const all = set + load<u32>(set, ScanWord.allLanesAt * 4);
  const anyTables = load<u32>(set, ScanWord.anyTables * 4);
  const anyAt = set + load<u32>(set, ScanWord.anyLanesAt * 4);
  const tableBytes = rowBytes << 8;
  let any = i64x2.splat(0);
  for (let i: usize = 0; i < rowBytes; i += 16) {
    let row = v128.and(v128.load(hits + i), v128.load(lengths + i));
    row = v128.and(row, v128.load(firsts + i));
    if (!v128.any_true(row)) {
      v128.store(hits + i, row);
      continue;
    }
    row = v128.and(row, allLanes(all + i, kinds, rowBytes));
    for (let table: u32 = 0; table < anyTables && v128.any_true(row); table++)
      row = v128.and(row, anyLanes(anyAt + <usize>table * tableBytes + i, kinds, rowBytes));
    any = v128.or(any, row);
    v128.store(hits + i, row);
  }
  if (!v128.any_true(any)) return;
  ask(set, kinds, rowBytes);
  for (let i: usize = 0; i < rowBytes; i += 16)
    v128.store(bits + i, v128.or(v128.load(bits + i), v128.load(hits + i)));
}

/** Takes out of the hits who asks for a form that the kinds do not meet. */
@inline
function ask(set: usize, kinds: u64, rowBytes: usize): void {
  let form = set + load<u32>(set, ScanWord.formsAt * 4);
  const last = form + (<usize>load<u32>(set, ScanWord.forms * 4) << 4);
  for (; form < last; form += 16) {
    const own = set + load<u32>(form, 12);
    let asked = i64x2.splat(0);
    for (let i: usize = 0; i < rowBytes; i += 16)
      asked = v128.or(asked, v128.and(v128.load(hits + i), v128.load(own + i)));
    if (!v128.any_true(asked) || meets(set, form, kinds)) continue;
    const others = set + load<u32>(form, 8);
    for (let i: usize = 0; i < rowBytes; i += 16)
      v128.store(hits + i, v128.and(v128.load(hits + i), v128.load(others + i)));
  }
}

@inline
function meets(set: usize, form: usize, kinds: u64): bool {
  let at = set + load<u32>(form, 4);
  const end = at + (<usize>load<u32>(form) << 3);
  for (; at < end; at += 8) if ((load<u64>(at) & ~kinds) == 0) return true;
  return false;
}

@inline
function allLanes(at: usize, kinds: u64, rowBytes: usize): v128 {
  let row = i64x2.splat(-1);
  for (let lane = 0; lane < 16; lane++) {
    row = v128.and(row, v128.load(at + (<usize>kinds & 15) * rowBytes));
    kinds >>= 4;
    at += rowBytes << 4;
  }
  return row;
}

@inline
function anyLanes(at: usize, kinds: u64, rowBytes: usize): v128 {
  let row = i64x2.splat(0);
  for (let lane = 0; lane < 16; lane++) {
    row = v128.or(row, v128.load(at + (<usize>kinds & 15) * rowBytes));
    kinds >>= 4;
    at += rowBytes << 4;
  }
  return row;
}
