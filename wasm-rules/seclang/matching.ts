/** STAND-IN for operators that are not there yet. */
export { matchPattern } from '../engine/match/pattern';
export { capturePattern } from '../engine/match/capture';
export { findPhrase } from '../engine/match/phrases';
export { scan } from '../engine/match/scan';

export function holdsSqlInjection(_at: usize, _length: i32, _captures: bool): bool {
  return false;
}

export function holdsXss(_at: usize, _length: i32): bool {
  return false;
}

export function isInByteMap(map: usize, at: usize, length: i32): bool {
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(at + i);
    if ((load<u8>(map + (byte >> 3)) & (1 << (byte & 7))) == 0) return false;
  }
  return true;
}

export function isInRanges(_ranges: usize, _at: usize, _length: i32): bool {
  return false;
}

export function isValidUrlEncoding(_at: usize, _length: i32): bool {
  return true;
}

export function isValidUtf8(_at: usize, _length: i32): bool {
  return true;
}

export function startsWith(at: usize, length: i32, text: usize, bytes: i32): bool {
  return length >= bytes && memory.compare(at, text, bytes) == 0;
}

export function endsWith(at: usize, length: i32, text: usize, bytes: i32): bool {
  return length >= bytes && memory.compare(at + length - bytes, text, bytes) == 0;
}

export function holdsText(at: usize, length: i32, text: usize, bytes: i32): bool {
  for (let i = 0; i + bytes <= length; i++) if (memory.compare(at + i, text, bytes) == 0) return true;
  return false;
}

export function holdsWord(at: usize, length: i32, text: usize, bytes: i32): bool {
  return holdsText(at, length, text, bytes);
}

export function passesLuhn(_at: usize, _length: i32): bool {
  return true;
}
