/** The pure parts of the SecLang engine, callable one by one: for their tests and benches. */
import { canChange, changesEmpty } from '../engine/transform/can-change';
import { kindBit } from '../engine/transform/kinds';
import { growthOf, outputBytesMax, transform } from '../engine/transform/transform';

/** Where the caller may write: everything from here on. */
export function room(): usize {
  return __heap_base;
}

export function runTransform(id: i32, from: usize, length: i32, into: usize): i32 {
  return transform(id, from, length, into);
}

export function transformBytesMax(id: i32, length: i32): i32 {
  return outputBytesMax(id, length);
}

export function transformGrowth(id: i32): i32 {
  return growthOf(id);
}

/** Whether the transformation may change these bytes, as their kinds tell. */
export function mayChange(id: i32, from: usize, length: i32): bool {
  let kinds: u64 = 0;
  for (let i = 0; i < length; i++) kinds |= kindBit(load<u8>(from + i));
  return canChange(id, kinds) || (length == 0 && changesEmpty(id));
}

/** The same transformation over and over, each time on the same bytes; for timing. */
export function repeatTransform(id: i32, from: usize, length: i32, into: usize, times: i32): i32 {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += transform(id, from, length, into);
  return sum;
}
