/** `compressWhitespace`, `removeWhitespace`, `trim`, `trimLeft`, `trimRight`. A byte 0xA0 is space to the first two alone. */
import { copyUntilSpaceOr, isSpace } from './plain';

const noBreakSpace: u8 = 0xa0;

/** Runs become one space; so does any other white space that stands alone. */
export function compressWhitespace(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  while (true) {
    const plain = copyUntilSpaceOr(from, end, into, noBreakSpace);
    from += plain;
    into += plain;
    if (from >= end) break;
    const run = from;
    do from++;
    while (from < end && (isSpace(load<u8>(from)) || load<u8>(from) == noBreakSpace));
    if (from - run > 1 || load<u8>(run) != 0x20) changed = true;
    store<u8>(into++, 0x20);
  }
  return changed ? <i32>(into - start) : -1;
}

/** Eight bytes at a time: a table says by which of them go where those that stay have to come from. */
export function removeWhitespace(from: usize, length: i32, into: usize): i32 {
  if (!hasTable) makeTable();
  const end = from + length;
  const start = into;
  for (; from + 16 <= end; from += 16) {
    const block = v128.load(from);
    const gone = <u32>i8x16.bitmask(spacesIn(block));
    v128.store(into, block);
    if (gone == 0) into += 16;
    else {
      const behind = into + 8 - popcnt(gone & 0xff);
      keep(block, gone & 0xff, into);
      keep(v128.load64_zero(from + 8), gone >> 8, behind);
      into = behind + 8 - popcnt(gone >> 8);
    }
  }
  for (; from < end; from++) {
    const byte = load<u8>(from);
    if (isSpace(byte) || byte == noBreakSpace) continue;
    store<u8>(into++, byte);
  }
  const written = <i32>(into - start);
  return written == length ? -1 : written;
}

/** By the bits of the bytes that go, eight lanes: of which bytes those that stay are made. */
const kept: usize = memory.data(256 * 8, 16);
let hasTable: bool = false;

function makeTable(): void {
  for (let gone: usize = 0; gone < 256; gone++) {
    let to = kept + (gone << 3);
    for (let lane: u8 = 0; lane < 8; lane++) if ((gone & (1 << lane)) == 0) store<u8>(to++, lane);
  }
  hasTable = true;
}

/** What stays of the first eight bytes of a block. */
@inline
function keep(block: v128, gone: u32, into: usize): void {
  const lanes = v128.load64_zero(kept + (<usize>gone << 3));
  v128.store64_lane(into, i8x16.swizzle(block, lanes), 0);
}

@inline
function spacesIn(block: v128): v128 {
  const control = i8x16.lt_u(i8x16.sub(block, i8x16.splat(0x09)), i8x16.splat(5));
  const single = v128.or(i8x16.eq(block, i8x16.splat(0x20)), i8x16.eq(block, i8x16.splat(noBreakSpace)));
  return v128.or(control, single);
}

export function trim(from: usize, length: i32, into: usize, left: bool, right: bool): i32 {
  const start = from;
  let end = from + length;
  if (left) while (from < end && isSpace(load<u8>(from))) from++;
  if (right) while (end > from && isSpace(load<u8>(end - 1))) end--;
  const kept = <i32>(end - from);
  if (kept == length && from == start) return -1;
  memory.copy(into, from, kept);
  return kept;
}
