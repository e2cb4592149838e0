/** Patterns that are one string: compared in place, or looked for sixteen bytes at a time. */
import { LiteralFlag, LiteralWord } from './format';

export function findLiteral(pattern: usize, at: usize, length: i32): i32 {
  const wanted = pattern + load<u32>(pattern, LiteralWord.bytesAt * 4);
  const wantedLength = load<i32>(pattern, LiteralWord.length * 4);
  const flags = load<u32>(pattern, LiteralWord.flags * 4);
  const isFolded = (flags & LiteralFlag.ignoreCase) != 0;
  if (length < wantedLength) return 0;
  if ((flags & LiteralFlag.atStart) != 0) {
    if ((flags & LiteralFlag.atEnd) != 0 && length != wantedLength) return 0;
    return isAt(at, wanted, wantedLength, isFolded) ? 1 : 0;
  }
  const last = at + <usize>(length - wantedLength);
  if ((flags & LiteralFlag.atEnd) != 0) return isAt(last, wanted, wantedLength, isFolded) ? 1 : 0;
  return search(at, last, wanted, wantedLength, isFolded) ? 1 : 0;
}

/**
 * Places where the first and the last byte fit, then the rest. Vectors stay within the string: those of the
 * last bytes end with it.
 */
function search(at: usize, last: usize, wanted: usize, length: i32, isFolded: bool): bool {
  const behind = <usize>(length - 1);
  const first = load<u8>(wanted);
  const final = load<u8>(wanted + behind);
  const fold: u8 = 0x20;
  const firstFold: u8 = isFolded && isLetter(first) ? fold : 0;
  const finalFold: u8 = isFolded && isLetter(final) ? fold : 0;
  const firsts = i8x16.splat(first);
  const finals = i8x16.splat(final);
  const firstFolds = i8x16.splat(firstFold);
  const finalFolds = i8x16.splat(finalFold);
  for (; at + 15 <= last; at += 16) {
    const fits = v128.and(
      i8x16.eq(v128.or(v128.load(at), firstFolds), firsts),
      i8x16.eq(v128.or(v128.load(at + behind), finalFolds), finals),
    );
    for (let mask = <u32>i8x16.bitmask(fits); mask != 0; mask &= mask - 1)
      if (isAt(at + <usize>ctz(mask), wanted, length, isFolded)) return true;
  }
  for (; at <= last; at++)
    if (
      (load<u8>(at) | firstFold) == first &&
      (load<u8>(at + behind) | finalFold) == final &&
      isAt(at, wanted, length, isFolded)
    )
      return true;
  return false;
}

@inline
function isLetter(byte: u8): bool {
  return byte - 0x61 < 26;
}

/** `wanted` is in lower case where case is ignored. */
function isAt(at: usize, wanted: usize, length: i32, isFolded: bool): bool {
  if (!isFolded) return memory.compare(at, wanted, length) == 0;
  for (let i: usize = 0; i < <usize>length; i++) {
    const byte = load<u8>(at + i);
    const expected = load<u8>(wanted + i);
    if (byte != expected && !((byte | 0x20) == expected && isLetter(expected))) return false;
  }
  return true;
}
