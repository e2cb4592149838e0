/**
 * `escapeSeqDecode` — escapes of ANSI C: `\n` and its like, `\xHH`, `\OOO`. A backslash before anything else goes,
 * one at the very end stays.
 */
import { hexPair, isOctal } from './digits';
import { copyUntil } from './plain';

export function escapeSeqDecode(from: usize, length: i32, into: usize): i32 {
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
    if ((next | 0x20) == 0x78) {
      const byte = from + 3 < end ? hexPair(from + 2) : -1;
      store<u8>(into++, byte < 0 ? next : byte);
      from += byte < 0 ? 2 : 4;
    } else if (isOctal(next)) {
      let value: u32 = 0;
      let digits = 0;
      while (digits < 3 && from + 1 + digits < end && isOctal(load<u8>(from + digits, 1)))
        value = (value << 3) | (load<u8>(from + digits++, 1) - 0x30);
      store<u8>(into++, value);
      from += 1 + digits;
    } else {
      store<u8>(into++, controlOf(next));
      from += 2;
    }
  }
  const written = <i32>(into - start);
  return written == length ? -1 : written;
}

/** What `\a`, `\b`, `\f`, `\n`, `\r`, `\t`, `\v` stand for; any other byte for itself. */
export function controlOf(letter: u8): u8 {
  switch (letter) {
    case 0x61:
      return 0x07;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    case 0x76:
      return 0x0b;
    default:
      return letter;
  }
}
