/** `length` — how many bytes, in decimal. */
export function lengthOf(length: i32, into: usize): i32 {
  let digits = 1;
  for (let rest = length; rest >= 10; rest /= 10) digits++;
  for (let i = digits - 1; i >= 0; i--, length /= 10) store<u8>(into + i, 0x30 + (length % 10));
  return digits;
}
