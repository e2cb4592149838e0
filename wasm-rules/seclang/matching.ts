/** STAND-IN until the automata, operators and parsers of the engine are there. */
import { emitValue } from '../engine/sink';
import { kindBit } from '../engine/transform/kinds';

export function scan(_set: usize, at: usize, length: i32, bits: usize): u64 {
  let kinds: u64 = 0;
  for (let i = 0; i < length; i++) kinds |= kindBit(load<u8>(at + i));
  store<u64>(bits, ~0);
  return kinds;
}

/** Stand-in pattern: u32 length, bytes: does it hold the text. */
export function matchPattern(pattern: usize, at: usize, length: i32): i32 {
  return holdsText(at, length, pattern + 4, load<i32>(pattern)) ? 1 : 0;
}

export function capturePattern(_program: usize, _at: usize, _length: i32, _into: usize): bool {
  return false;
}

export function findPhrase(_set: usize, _at: usize, _length: i32): i64 {
  return -1;
}

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

export function parseQuery(at: usize, length: i32, separator: u8, collection: i32): void {
  let from = at;
  const end = at + length;
  for (let p = at; p <= end; p++) {
    if (p != end && load<u8>(p) != separator) continue;
    let equals = from;
    while (equals < p && load<u8>(equals) != 0x3d) equals++;
    const value = equals < p ? equals + 1 : p;
    if (p > from) emitValue(collection, from, <i32>(equals - from), value, <i32>(p - value));
    from = p + 1;
  }
}

export function parseCookies(_at: usize, _length: i32, _format: i32): void {}

export function parseBody(
  processor: u32,
  at: usize,
  length: i32,
  _typeAt: usize,
  _typeLength: i32,
  _isWhole: bool,
  _settings: usize,
): void {
  if (processor == 1) parseQuery(at, length, 0x26, 1);
}
