/**
 * The kinds of bytes: `src/waf/match/byte-kinds.ts` says what they are for, and a test holds the two tables to
 * each other. A byte may have more than one kind.
 */
/** A kind each, in this order from bit 0 on. */
const single: string = "%+&='\"<>();:/\\.-_|$`{}[],*#!?@~^\0\r\n\t \v\f";
/** Letters with a kind of their own; then the two kinds that frequent ones share. */
const rare: string = 'bcdfghjkmpqvwxyzlu';
const frequent: string = 'eta';

export namespace Kind {
  export const control: i32 = 39;
  export const digit: i32 = 40;
  export const upper: i32 = 41;
  export const highLow: i32 = 42;
  export const highHigh: i32 = 43;
  export const firstLetter: i32 = 44;
}

const table: usize = memory.data(2048, 16);
fill();

/** The mask of a byte. */
@inline
export function kindsOfByte(byte: u32): u64 {
  return load<u64>(table + ((<usize>byte) << 3));
}

/** Where the 256 masks lie, for loops of their own. */
@inline
export function kindTable(): usize {
  return table;
}

/** The kinds of a whole string. */
export function kindsIn(at: usize, length: i32): u64 {
  let kinds: u64 = 0;
  const end = at + <usize>length;
  while (at < end) kinds |= kindsOfByte(load<u8>(at++));
  return kinds;
}

/** All kinds that bytes from `low` to `high` have. */
export function kindsOfRange(low: u32, high: u32): u64 {
  let kinds: u64 = 0;
  for (let byte = low; byte <= high; byte++) kinds |= kindsOfByte(byte);
  return kinds;
}

/** Upper-case letters have it beside the kind of their letter. */
export function upperKind(): u64 {
  return <u64>1 << Kind.upper;
}

function fill(): void {
  for (let byte: u32 = 0; byte < 256; byte++) store<u64>(table + (byte << 3), maskOf(byte));
}

function maskOf(byte: u32): u64 {
  for (let i = 0; i < single.length; i++)
    if (<u32>single.charCodeAt(i) == byte) return <u64>1 << i;
  if (byte >= 0xc0) return <u64>1 << Kind.highHigh;
  if (byte >= 0x80) return <u64>1 << Kind.highLow;
  if (byte >= 0x30 && byte <= 0x39) return <u64>1 << Kind.digit;
  const folded = byte | 0x20;
  if (folded < 0x61 || folded > 0x7a) return <u64>1 << Kind.control;
  const letter = <u64>1 << (Kind.firstLetter + letterGroup(folded));
  return byte == folded ? letter : letter | (<u64>1 << Kind.upper);
}

function letterGroup(letter: u32): i32 {
  for (let i = 0; i < rare.length; i++) if (<u32>rare.charCodeAt(i) == letter) return i;
  for (let i = 0; i < frequent.length; i++)
    if (<u32>frequent.charCodeAt(i) == letter) return rare.length;
  return rare.length + 1;
}
