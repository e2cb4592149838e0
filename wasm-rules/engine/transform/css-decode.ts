/**
 * `cssDecode` — escapes of CSS 2.1 (section 4.1.3): a backslash with one to six hex digits is a byte (its last two
 * digits; full-width forms FF01–FF5E the ASCII they look like), one white space after it gone; before a line feed
 * it vanishes with it; before anything else it leaves that as it is.
 */
import { hexDigit, isHex } from './digits';
import { copyUntil, isSpace } from './plain';

export function cssDecode(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  while (true) {
    const plain = copyUntil(from, end, into, 0x5c);
    from += plain;
    into += plain;
    if (from >= end) break;
    if (++from == end) break;
    let digits = 0;
    while (digits < 6 && from + digits < end && isHex(load<u8>(from + digits))) digits++;
    if (digits > 0) {
      store<u8>(into++, escaped(from, digits));
      from += digits;
      if (from < end && isSpace(load<u8>(from))) from++;
    } else if (load<u8>(from) == 0x0a) from++;
    else store<u8>(into++, load<u8>(from++));
  }
  const written = <i32>(into - start);
  return written == length ? -1 : written;
}

function escaped(at: usize, digits: i32): u8 {
  const last = at + digits - 1;
  if (digits == 1) return <u8>hexDigit(load<u8>(at));
  const byte = <u8>((hexDigit(load<u8>(last - 1)) << 4) | hexDigit(load<u8>(last)));
  if (digits < 4 || byte == 0 || byte >= 0x5f) return byte;
  // FFxx is full width only where nothing but zeros stands before it.
  if (digits > 4 && load<u8>(at) != 0x30) return byte;
  if (digits > 5 && load<u8>(at, 1) != 0x30) return byte;
  const isFullWidth = (load<u8>(last - 2) | 0x20) == 0x66 && (load<u8>(last - 3) | 0x20) == 0x66;
  return isFullWidth ? byte + 0x20 : byte;
}
