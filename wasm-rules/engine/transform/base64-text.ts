/**
 * Base64 that a whole value is: 16 characters or more of one alphabet (RFC 4648, sections 4 and 5) with a capital
 * among them, padding only at the end, and text inside. What decodes to anything else is a token, a key or a picture,
 * and stays what it is.
 */

const charactersMin: i32 = 16;

/** Bytes written, which may be over the value itself; -1 where it is no such value. */
export function base64Text(from: usize, length: i32, into: usize): i32 {
  if (length < charactersMin) return -1;
  let digits = length;
  while (digits > 0 && length - digits < 2 && load<u8>(from + digits - 1) == 0x3d) digits--;
  if ((digits & 3) == 1 || (digits != length && (length & 3) != 0)) return -1;
  if (!isText(from, digits)) return -1;
  const end = from + digits;
  const start = into;
  let group: u32 = 0;
  let count = 0;
  for (; from < end; from++) {
    group = (group << 6) | digitOf(load<u8>(from));
    count++;
    if ((count & 3) == 0) {
      store<u8>(into, group >> 16);
      store<u8>(into, group >> 8, 1);
      store<u8>(into, group, 2);
      into += 3;
    }
  }
  const rest = count & 3;
  if (rest == 2) store<u8>(into++, group >> 4);
  else if (rest == 3) {
    store<u8>(into, group >> 10);
    store<u8>(into, group >> 2, 1);
    into += 2;
  }
  return <i32>(into - start);
}

/** All digits of one alphabet, and of what they say at most one byte in sixteen is no ASCII text. */
function isText(from: usize, digits: i32): bool {
  let group: u32 = 0;
  let odd = 0;
  let hasCapital = false;
  let alphabets = 0;
  for (let i = 0; i < digits; i++) {
    const byte: u32 = load<u8>(from + i);
    const digit = digitOf(byte);
    if (digit > 63) return false;
    if (byte - 0x41 < 26) hasCapital = true;
    else if (byte == 0x2b || byte == 0x2f) alphabets |= 1;
    else if (byte == 0x2d || byte == 0x5f) alphabets |= 2;
    group = (group << 6) | digit;
    const place = i & 3;
    if (place == 0) continue;
    const says = (group >> (place == 1 ? 4 : place == 2 ? 2 : 0)) & 0xff;
    if (says - 0x20 >= 0x5f && says != 0x0a && says != 0x0d && says != 0x09) odd++;
    if (odd > 1 + (digits >> 4)) return false;
  }
  return hasCapital && alphabets != 3 && odd * 16 <= digits;
}

/** 0 to 63, or more for what is no digit. */
@inline
function digitOf(byte: u32): u32 {
  const letter = (byte | 0x20) - 0x61;
  if (letter < 26) return byte & 0x20 ? letter + 26 : letter;
  const digit = byte - 0x30;
  if (digit < 10) return digit + 52;
  if (byte == 0x2b || byte == 0x2d) return 62;
  return byte == 0x2f || byte == 0x5f ? 63 : 0xff;
}
