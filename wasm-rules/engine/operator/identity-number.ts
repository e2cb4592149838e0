/** What `verifyCC` and `verifySSN` ask of each stretch that their pattern finds. */

/** The check digit of ISO/IEC 7812 (Luhn); bytes that are no digits are left aside, no digits at all are none. */
export function isCardNumber(at: usize, length: i32): bool {
  let digits = 0;
  let sum = 0;
  for (let i = length - 1; i >= 0; i--) {
    const digit = <u32>load<u8>(at + i) - 0x30;
    if (digit > 9) continue;
    const doubled = digit << 1;
    sum += digits & 1 ? (doubled > 9 ? doubled - 9 : doubled) : digit;
    digits++;
  }
  return digits > 0 && sum % 10 == 0;
}

/** Nine digits that may be a US social security number: no group of zeros, no area that was never given out. */
export function isSocialSecurityNumber(at: usize, length: i32): bool {
  let digits = 0;
  let number = 0;
  let same = 0;
  let rising = 0;
  let before: u32 = 10;
  for (let i = 0; i < length; i++) {
    const digit = <u32>load<u8>(at + i) - 0x30;
    if (digit > 9) continue;
    if (++digits > 9) return false;
    number = number * 10 + digit;
    if (digit == before) same++;
    if (digit == before + 1) rising++;
    before = digit;
  }
  if (digits != 9 || same == 8 || rising == 8) return false;
  const area = number / 1_000_000;
  const group = (number / 10_000) % 100;
  return area != 0 && area != 666 && area < 740 && group != 0 && number % 10_000 != 0;
}
