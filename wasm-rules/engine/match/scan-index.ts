/**
 * What a scan looks its literals up in (`src/waf/match/trigrams.ts`), made of the literals before the first scan of an
 * instance: once for all requests, so no request is charged for it.
 *
 * Literals are gone through three times: to set the bits of their three classes, to count how many have each three, and
 * to put each into the lists of its own.
 */
import { ScanWord } from './format';

const classesTotal: u32 = 64;
/** The set's first word. */
const made: u32 = 1;

@inline
export function hasIndex(set: usize): bool {
  return load<u32>(set) == made;
}

export function makeIndex(set: usize): void {
  makeRecords(set);
  go(set, Pass.mark);
  makeRanks(set);
  go(set, Pass.count);
  makeStarts(set);
  go(set, Pass.place);
  store<u32>(set, made);
}

function part(set: usize, word: usize): usize {
  return set + load<u32>(set + (word << 2));
}

function makeRecords(set: usize): void {
  const total = load<u32>(set, ScanWord.literals * 4);
  const rowBytes = load<u32>(set, ScanWord.words * 4) << 3;
  let text = part(set, ScanWord.literalTextAt);
  let record = part(set, ScanWord.checksAt);
  for (let literal: usize = 0; literal < <usize>total; literal++) {
    const length = <usize>load<u8>(part(set, ScanWord.literalBytesAt) + literal);
    const row = load<u32>(part(set, ScanWord.literalRowsAt) + (literal << 2));
    store<u8>(record, <u8>length, 24);
    store<u8>(record, load<u8>(part(set, ScanWord.literalPlacesAt) + literal), 25);
    store<u32>(record, load<u32>(set, ScanWord.rowsAt * 4) + row * rowBytes, 28);
    for (let i: usize = 0; i < length; i++) {
      const byte = load<u8>(text + i);
      const to = record + ((i >> 3) << 5) + (i & 7);
      store<u8>(to, byte);
      store<u8>(to, 0xff, 8);
      if (byte - 0x61 < 26) store<u8>(to, 0x20, 16);
    }
    text += length;
    record += recordsOf(length) << 5;
  }
}

@inline
function recordsOf(length: usize): usize {
  return (length + 7) >> 3;
}

const enum Pass {
  mark,
  count,
  place,
}

function go(set: usize, pass: Pass): void {
  const total = load<u32>(set, ScanWord.literals * 4);
  const classes = part(set, ScanWord.classesAt);
  let text = part(set, ScanWord.literalTextAt);
  let number: usize = 0;
  for (let literal: usize = 0; literal < <usize>total; literal++) {
    const length = <usize>load<u8>(part(set, ScanWord.literalBytesAt) + literal);
    const place = <usize>load<u8>(part(set, ScanWord.literalPlacesAt) + literal);
    const pair = (classAt(classes, text + place) << 12) | (classAt(classes, text + place + 1) << 6);
    // Past the end of a literal any class will do.
    const isOpen = place + 2 >= length;
    let third: u32 = isOpen ? 0 : classAt(classes, text + place + 2);
    const last: u32 = isOpen ? classesTotal - 1 : third;
    for (; third <= last; third++) {
      const index = pair | third;
      if (pass == Pass.mark) {
        markIndex(set, index, 1);
        const isNextOpen = place + 3 >= length;
        let fourth: u32 = isNextOpen ? 0 : classAt(classes, text + place + 3);
        const lastFourth: u32 = isNextOpen ? classesTotal - 1 : fourth;
        for (; fourth <= lastFourth; fourth++) markIndex(set, ((index << 6) & 0x3ffff) | fourth, 2);
      } else if (pass == Pass.count) {
        const count = listOf(set, index) + 8;
        store<u32>(count, load<u32>(count) + 1);
      } else {
        const next = listOf(set, index) + 4;
        const slot = load<u32>(next);
        store<u32>(part(set, ScanWord.checkNumbersAt) + (<usize>slot << 2), <u32>number);
        store<u32>(next, slot + 1);
      }
    }
    text += length;
    number += recordsOf(length);
  }
}

@inline
function classAt(classes: usize, at: usize): u32 {
  return load<u8>(classes + <usize>load<u8>(at));
}

@inline
function markIndex(set: usize, index: u32, bit: u32): void {
  const at = part(set, ScanWord.trigramsAt) + (index >> 2);
  store<u8>(at, <u8>(load<u8>(at) | (bit << ((index & 3) << 1))));
}

function makeRanks(set: usize): void {
  const trigrams = part(set, ScanWord.trigramsAt);
  const ranks = part(set, ScanWord.ranksAt);
  let before: u32 = 0;
  for (let group: usize = 0; group < 8192; group++) {
    store<u16>(ranks + (group << 1), <u16>before);
    before += <u32>popcnt(load<u64>(trigrams + (group << 3)) & 0x5555_5555_5555_5555);
  }
}

/** Where in the table of lists the one of these three begins; their first bit is set. */
@inline
export function listOf(set: usize, index: u32): usize {
  const word = load<u64>(part(set, ScanWord.trigramsAt) + ((index >> 5) << 3));
  const before = (<u64>1 << ((index & 31) << 1)) - 1;
  const rank =
    <u32>load<u16>(part(set, ScanWord.ranksAt) + ((index >> 5) << 1)) +
    <u32>popcnt(word & before & 0x5555_5555_5555_5555);
  return part(set, ScanWord.checkListsAt) + (<usize>rank << 2);
}

/**
 * Counts stand two places behind their list's; starts one behind, so that placing a list's last leaves the next one's
 * start, and all are where they belong.
 */
function makeStarts(set: usize): void {
  const lists = part(set, ScanWord.checkListsAt);
  const groups: usize = 8191;
  const total =
    <usize>load<u16>(part(set, ScanWord.ranksAt) + (groups << 1)) +
    <usize>popcnt(load<u64>(part(set, ScanWord.trigramsAt) + (groups << 3)) & 0x5555_5555_5555_5555);
  for (let list: usize = 1; list <= total; list++) {
    const at = lists + ((list + 1) << 2);
    store<u32>(at, load<u32>(at) + load<u32>(at - 4));
  }
}
