/** Texts of bytes: comparing without case, numbers to and from decimal. */
import { arenaTake } from '../engine/arena';

@inline
export function lowerByte(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}

/** `lower` has no upper-case letters; ASCII only. */
export function equalsLower(at: usize, length: i32, lower: usize): bool {
  for (let i = 0; i < length; i++)
    if (lowerByte(load<u8>(at + i)) != load<u8>(lower + i)) return false;
  return true;
}

export function equalsAnyCase(at: usize, length: i32, other: usize): bool {
  for (let i = 0; i < length; i++)
    if (lowerByte(load<u8>(at + i)) != lowerByte(load<u8>(other + i))) return false;
  return true;
}

/** As `atoi` of C: blanks, a sign, digits; what follows is not looked at. Held at the ends of an i32. */
export function parseNumber(at: usize, length: i32): i32 {
  const end = at + length;
  while (at < end && isBlank(load<u8>(at))) at++;
  let negative = false;
  if (at < end && (load<u8>(at) == 0x2d || load<u8>(at) == 0x2b)) {
    negative = load<u8>(at) == 0x2d;
    at++;
  }
  let value: i64 = 0;
  while (at < end) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) break;
    value = value * 10 + digit;
    if (value > 0x80000000) value = 0x80000000;
    at++;
  }
  if (negative) return <i32>-value;
  return value > 0x7fffffff ? 0x7fffffff : <i32>value;
}

@inline
function isBlank(byte: u32): bool {
  return byte - 9 < 5 || byte == 0x20;
}

/** The text of the number formatted last; it lies in the arena. */
export let numberAt: usize = 0;
export let numberLength: i32 = 0;

export function formatNumber(value: i64): void {
  const room = arenaTake(32);
  let at = room + 24;
  const end = at;
  let rest: u64 = value < 0 ? <u64>-value : <u64>value;
  do {
    store<u8>(--at, <u8>(0x30 + (rest % 10)));
    rest /= 10;
  } while (rest != 0);
  if (value < 0) store<u8>(--at, 0x2d);
  numberAt = at;
  numberLength = <i32>(end - at);
}
