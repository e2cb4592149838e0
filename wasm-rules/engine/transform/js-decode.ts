/**
 * `jsDecode` — escapes of JavaScript strings: `\uHHHH` (the low byte; full-width forms FF01–FF5E the ASCII they
 * look like), `\xHH`, `\OOO` up to 255, `\n` and its like. A backslash before anything else goes, one at the very
 * end stays.
 */
import { hexPair, isOctal } from './digits';
import { controlOf } from './escape-seq-decode';
import { copyUntil } from './plain';

export function jsDecode(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  while (true) {
    const plain = copyUntil(from, end, into, 0x5c);
    from += plain;
    into += plain;
    if (from >= end) break;
    if (from + 1 == end) {
      store<u8>(into++, 0x5c);
      break;
    }
    const next = load<u8>(from, 1);
    if (next == 0x75 && from + 5 < end && hexPair(from + 2) >= 0 && hexPair(from + 4) >= 0) {
      store<u8>(into++, narrow(hexPair(from + 2), hexPair(from + 4)));
      from += 6;
      continue;
    }
    if (next == 0x78 && from + 3 < end && hexPair(from + 2) >= 0) {
      store<u8>(into++, hexPair(from + 2));
      from += 4;
      continue;
    }
    if (!isOctal(next)) {
      store<u8>(into++, controlOf(next));
      from += 2;
      continue;
    }
    let value: u32 = 0;
    let digits = 0;
    // Three digits only where they make one byte.
    const most = next > 0x33 ? 2 : 3;
    while (digits < most && from + 1 + digits < end && isOctal(load<u8>(from + digits, 1)))
      value = (value << 3) | (load<u8>(from + digits++, 1) - 0x30);
    store<u8>(into++, value);
    from += 1 + digits;
  }
  const written = <i32>(into - start);
  return written == length ? -1 : written;
}

/** The byte that stands for a UTF-16 unit. */
export function narrow(high: i32, low: i32): u8 {
  return high == 0xff && low > 0 && low < 0x5f ? <u8>(low + 0x20) : <u8>low;
}
