/** STAND-IN for operators that are not there yet. */
import { scan as scanSet } from '../engine/match/scan';
import { kindBit } from '../engine/transform/kinds';

export function scan(set: usize, at: usize, length: i32, bits: usize): u64 {
  scanSet(set, at, length, bits);
  let kinds: u64 = 0;
  for (let i = 0; i < length; i++) kinds |= kindBit(load<u8>(at + i));
  return kinds;
}

export function holdsSqlInjection(_at: usize, _length: i32, _captures: bool): bool {
  return false;
}

export function holdsXss(_at: usize, _length: i32): bool {
  return false;
}
