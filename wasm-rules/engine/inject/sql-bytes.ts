/** What stands in a value, sixteen bytes at a time: what is not there saves reading it as SQL. */

/** Bits of `quotesIn`. */
export namespace Quotes {
  export const single: i32 = 1;
  export const double: i32 = 2;
  export const back: i32 = 4;
}

/** Which quotes are in it. */
export function quotesIn(at: usize, length: i32): i32 {
  const end = at + length;
  let single = i8x16.splat(0);
  let double = i8x16.splat(0);
  let back = i8x16.splat(0);
  for (; at + 16 <= end; at += 16) {
    const bytes = v128.load(at);
    single = v128.or(single, i8x16.eq(bytes, i8x16.splat(0x27)));
    double = v128.or(double, i8x16.eq(bytes, i8x16.splat(0x22)));
    back = v128.or(back, i8x16.eq(bytes, i8x16.splat(0x60)));
  }
  let quotes =
    (v128.any_true(single) ? Quotes.single : 0) |
    (v128.any_true(double) ? Quotes.double : 0) |
    (v128.any_true(back) ? Quotes.back : 0);
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x27) quotes |= Quotes.single;
    else if (byte == 0x22) quotes |= Quotes.double;
    else if (byte == 0x60) quotes |= Quotes.back;
  }
  return quotes;
}

/** Whether the one stands somewhere, and the other so many bytes behind it; both with these bits set. */
export function holdsPair(at: usize, length: i32, one: u8, other: u8, distance: usize, bits: u8): bool {
  const end = at + length;
  const ones = i8x16.splat(one);
  const others = i8x16.splat(other);
  const folded = i8x16.splat(bits);
  for (; at + distance + 16 <= end; at += 16) {
    const first = i8x16.eq(v128.or(v128.load(at), folded), ones);
    const second = i8x16.eq(v128.or(v128.load(at + distance), folded), others);
    if (v128.any_true(v128.and(first, second))) return true;
  }
  for (; at + distance < end; at++)
    if ((load<u8>(at) | bits) == one && (load<u8>(at + distance) | bits) == other) return true;
  return false;
}
