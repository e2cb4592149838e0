/**
 * Kinds of bytes as `canChange` asks about them: the scan's own (`match/byte-kinds.ts`), which come for nothing with
 * every string that is scanned. Letters are asked for without regard to case, and upper case by its own kind.
 */
import { Kind, kindsOfByte } from '../match/byte-kinds';

const upper: u64 = (<u64>1) << Kind.upper;

/** All kinds of one byte; of a letter the one that both its cases have. */
export function kindBit(byte: u32): u64 {
  return kindsOfByte(byte) & ~upper;
}

/** A byte of the range has one of them. */
export function kindBitsOfRange(low: u32, high: u32): u64 {
  if (low == 0x41 && high == 0x5a) return upper;
  let bits: u64 = 0;
  for (let byte = low; byte <= high; byte++) bits |= kindBit(byte);
  return bits;
}

/** Of a whole string, where nothing has scanned it. */
export function kindsOfBytes(at: usize, length: i32): u64 {
  let kinds: u64 = 0;
  for (let i = 0; i < length; i++) kinds |= kindsOfByte(load<u8>(at + i));
  return kinds;
}
