/** `hexDecode`, `hexEncode`, `sqlHexDecode`. */
import { hexDigit, isHex, putHex } from './digits';
import { copyUntil } from './plain';

/** Pairs of digits, whatever they are: what is no digit counts as its distance from one, as in the reference. */
export function hexDecode(from: usize, length: i32, into: usize): i32 {
  const pairs = length >> 1;
  for (let i = 0; i < pairs; i++, from += 2)
    store<u8>(into + i, (nibble(load<u8>(from)) << 4) + nibble(load<u8>(from, 1)));
  return length == 0 ? -1 : pairs;
}

function nibble(byte: u32): u32 {
  return byte >= 0x41 ? (byte & 0xdf) - 0x41 + 10 : byte - 0x30;
}

export function hexEncode(from: usize, length: i32, into: usize): i32 {
  if (length == 0) return -1;
  for (let i = 0; i < length; i++) putHex(into + (i << 1), load<u8>(from + i));
  return length << 1;
}

/** `0x` with pairs of digits, as MySQL writes strings. */
export function sqlHexDecode(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  while (true) {
    const plain = copyUntil(from, end, into, 0x30);
    from += plain;
    into += plain;
    if (from >= end) break;
    if (from + 3 < end && (load<u8>(from, 1) | 0x20) == 0x78 && isPair(from + 2)) {
      from += 2;
      while (from + 1 < end && isPair(from)) {
        store<u8>(into++, (hexDigit(load<u8>(from)) << 4) | hexDigit(load<u8>(from, 1)));
        from += 2;
      }
    } else store<u8>(into++, load<u8>(from++));
  }
  const written = <i32>(into - start);
  return written == length ? -1 : written;
}

@inline
function isPair(at: usize): bool {
  return isHex(load<u8>(at)) && isHex(load<u8>(at, 1));
}
