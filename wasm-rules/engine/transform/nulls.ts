/** `removeNulls`, and `replaceNulls` with a space. */
import { copyUntil } from './plain';

export function removeNulls(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  while (true) {
    const plain = copyUntil(from, end, into, 0);
    from += plain;
    into += plain;
    if (from >= end) break;
    from++;
  }
  const written = <i32>(into - start);
  return written == length ? -1 : written;
}

export function replaceNulls(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  let changed = false;
  while (true) {
    const plain = copyUntil(from, end, into, 0);
    from += plain;
    into += plain;
    if (from >= end) break;
    changed = true;
    store<u8>(into++, 0x20);
    from++;
  }
  return changed ? length : -1;
}
