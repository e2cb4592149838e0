/**
 * Percent decoding once, as a form field is read. (`decode.ts` undoes it layer by layer, for rules that
 * look for what an attacker hides.)
 */
import { arenaTake } from './arena';
import { hexValue } from './bytes';
import { findByte } from './scan';

const percent: u8 = 0x25;
const plus: u8 = 0x2b;
const blank: u8 = 0x20;

/** Of the last `decode`. */
export let decodedAt: usize = 0;
export let decodedLength: i32 = 0;

/**
 * Decodes into the arena, or leaves the bytes where they lie when there is nothing to decode:
 * `decodedAt` and `decodedLength` say where the result is. `%` without two digits behind it stays.
 */
export function decode(at: usize, length: i32, plusIsBlank: bool): void {
  const end = at + length;
  if (
    findByte(at, end, percent) == end &&
    (!plusIsBlank || findByte(at, end, plus) == end)
  ) {
    decodedAt = at;
    decodedLength = length;
    return;
  }
  decodedAt = arenaTake(length);
  decodedLength = decodeInto(at, length, decodedAt, plusIsBlank);
}

/** Decodes into a place for at least `length` bytes, which may be the same; the new length. */
export function decodeInto(at: usize, length: i32, into: usize, plusIsBlank: bool): i32 {
  const end = at + length;
  let out = into;
  while (at < end) {
    let byte = load<u8>(at);
    let taken: usize = 1;
    if (byte == percent && at + 2 < end) {
      const upper = hexValue(load<u8>(at, 1));
      const lower = hexValue(load<u8>(at, 2));
      if (upper >= 0 && lower >= 0) {
        byte = <u8>((upper << 4) | lower);
        taken = 3;
      }
    } else if (byte == plus && plusIsBlank) byte = blank;
    store<u8>(out++, byte);
    at += taken;
  }
  return <i32>(out - into);
}
