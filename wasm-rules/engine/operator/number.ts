/**
 * Operators that compare numbers: `eq`, `ge`, `gt`, `le`, `lt`. A number is read as `atoi` reads it: white space, a
 * sign, digits, and whatever follows ignored; no digits are 0.
 *
 * Beyond 63 bits it saturates. ModSecurity 2 lets it wrap there and at 32 bits, so that 4294967296 is "not greater
 * than" any limit.
 */
import { isSpace } from '../transform/plain';

export function numberAt(at: usize, length: i32): i64 {
  const end = at + length;
  while (at < end && isSpace(load<u8>(at))) at++;
  const isNegative = at < end && load<u8>(at) == 0x2d;
  if (at < end && (isNegative || load<u8>(at) == 0x2b)) at++;
  let value: i64 = 0;
  for (; at < end; at++) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) break;
    if (value > (i64.MAX_VALUE - 9) / 10) {
      value = i64.MAX_VALUE;
      break;
    }
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}

/** -1, 0 or 1: the value against the argument. */
export function compareNumbers(at: usize, length: i32, argument: usize, argumentLength: i32): i32 {
  const left = numberAt(at, length);
  const right = numberAt(argument, argumentLength);
  return left < right ? -1 : left > right ? 1 : 0;
}
