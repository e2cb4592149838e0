/**
 * `urlDecode`, `urlDecodeUni` (with `%uHHHH` as IIS reads it), `urlEncode`. What is no valid escape stays as it is.
 */
import { kindsOfByte } from '../match/byte-kinds';
import { hexPair, putHex } from './digits';
import { narrow } from './js-decode';
import { copyUntilEither } from './plain';

const percent: u8 = 0x25;
const plus: u8 = 0x2b;

export function urlDecode(from: usize, length: i32, into: usize): i32 {
  return decode(from, length, into, false);
}

export function urlDecodeUni(from: usize, length: i32, into: usize): i32 {
  return decode(from, length, into, true);
}

/** `%` of `urlDecode` that began no valid escape, since the caller last cleared it: `URLENCODED_ERROR`. */
export let invalidEscapes: i32 = 0;

export function clearInvalidEscapes(): void {
  invalidEscapes = 0;
}

/** 65,536 half words, of each code point the byte it becomes or 0xffff; 0 where `SecUnicodeMapFile` names none. */
let unicodeMap: usize = 0;

export function setUnicodeMap(at: usize): void {
  unicodeMap = at;
}

@inline
function decode(from: usize, length: i32, into: usize, isUni: bool): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  while (true) {
    const plain = copyUntilEither(from, end, into, percent, plus);
    from += plain;
    into += plain;
    if (from >= end) break;
    if (load<u8>(from) == plus) {
      store<u8>(into++, 0x20);
      from++;
      changed = true;
      continue;
    }
    if (isUni && from + 1 < end && (load<u8>(from, 1) | 0x20) == 0x75) {
      const isWhole = from + 5 < end && hexPair(from + 2) >= 0 && hexPair(from + 4) >= 0;
      if (isWhole) {
        store<u8>(into++, unitByte(hexPair(from + 2), hexPair(from + 4)));
        from += 6;
        changed = true;
      } else {
        store<u16>(into, load<u16>(from));
        into += 2;
        from += 2;
      }
      continue;
    }
    const byte = from + 2 < end ? hexPair(from + 1) : -1;
    if (byte >= 0) {
      store<u8>(into++, byte);
      from += 3;
      changed = true;
    } else {
      if (!isUni) invalidEscapes++;
      store<u8>(into++, load<u8>(from++));
    }
  }
  return changed ? <i32>(into - start) : -1;
}

/** Kinds of the bytes that its escapes stand for; all kinds where one is of a unit of UTF-16. */
export function escapedKinds(from: usize, length: i32): u64 {
  const end = from + length;
  let kinds: u64 = 0;
  let at = from;
  for (; at + 16 <= end; at += 16) {
    let places = <u32>i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(percent)));
    for (; places != 0; places &= places - 1) kinds |= escapedKind(at + <usize>ctz(places), end);
  }
  for (; at < end; at++) if (load<u8>(at) == percent) kinds |= escapedKind(at, end);
  return kinds;
}

function escapedKind(at: usize, end: usize): u64 {
  if (at + 1 < end && (load<u8>(at, 1) | 0x20) == 0x75) return ~0;
  const byte = at + 2 < end ? hexPair(at + 1) : -1;
  return byte < 0 ? 0 : kindsOfByte(byte);
}

function unitByte(high: i32, low: i32): u8 {
  if (unicodeMap != 0) {
    const mapped = load<u16>(unicodeMap + (((high << 8) | low) << 1));
    if (mapped != 0xffff) return <u8>mapped;
  }
  return narrow(high, low);
}

/** Letters, digits and `*` stay, a space becomes `+`. */
export function urlEncode(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  for (; from < end; from++) {
    const byte: u32 = load<u8>(from);
    if (byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26 || byte == 0x2a) store<u8>(into++, byte);
    else {
      changed = true;
      if (byte == 0x20) store<u8>(into++, plus);
      else {
        store<u8>(into, percent);
        putHex(into + 1, byte);
        into += 3;
      }
    }
  }
  return changed ? <i32>(into - start) : -1;
}
