/**
 * One pass over bytes, sixteen at a time: does any byte of a kind occur at all, and where?
 *
 * A rule asks this first. "No" proves that decoding and matching have nothing to find; "yes" costs the
 * careful look. It answers exactly: the last block is read overlapping the one before, never beyond
 * the end, so bytes of the next field cannot raise a false "yes".
 */

/**
 * True when the bytes hold `first` or `second`, or a byte that is no ASCII character or NUL, or `twice`
 * two times in a row.
 */
export function containsAny(at: usize, length: i32, first: u8, second: u8, twice: u8): bool {
  if (length < 17) return containsAnyShort(at, length, first, second, twice);
  const firsts = i8x16.splat(first);
  const seconds = i8x16.splat(second);
  const twices = i8x16.splat(twice);
  const ones = i8x16.splat(1);
  // A block looks at sixteen bytes and, for the pair, at the one behind them.
  const last = at + length - 17;
  let block = at;
  while (true) {
    const bytes = v128.load(block);
    const next = v128.load(block, 1);
    const singles = v128.or(
      v128.or(i8x16.eq(bytes, firsts), i8x16.eq(bytes, seconds)),
      v128.or(
        // Signed, the bytes from 0x80 are negative, so one comparison finds them and NUL.
        i8x16.lt_s(bytes, ones),
        v128.and(i8x16.eq(bytes, twices), i8x16.eq(next, twices)),
      ),
    );
    if (v128.any_true(singles)) return true;
    if (block == last) break;
    block = min(block + 16, last);
  }
  const end = load<u8>(at + length - 1);
  return end == first || end == second || end == 0 || end >= 0x80;
}

function containsAnyShort(at: usize, length: i32, first: u8, second: u8, twice: u8): bool {
  let before: u8 = ~twice;
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(at + i);
    if (byte == first || byte == second || byte == 0 || byte >= 0x80) return true;
    if (byte == twice && before == twice) return true;
    before = byte;
  }
  return false;
}

/** True when the bytes hold `wanted` or a byte of 0x80 and above. */
export function containsByteOrHigh(at: usize, length: i32, wanted: u8): bool {
  const end = at + length;
  const wanteds = i8x16.splat(wanted);
  let block = at;
  for (; block + 16 <= end; block += 16) {
    const bytes = v128.load(block);
    if (i8x16.bitmask(v128.or(bytes, i8x16.eq(bytes, wanteds))) != 0) return true;
  }
  for (; block < end; block++) {
    const byte = load<u8>(block);
    if (byte == wanted || byte >= 0x80) return true;
  }
  return false;
}

/** The address of the first `wanted` from `at` on, or `end`. */
export function findByte(at: usize, end: usize, wanted: u8): usize {
  const wanteds = i8x16.splat(wanted);
  for (; at + 16 <= end; at += 16) {
    const lanes = i8x16.bitmask(i8x16.eq(v128.load(at), wanteds));
    if (lanes != 0) return at + ctz(lanes);
  }
  while (at < end && load<u8>(at) != wanted) at++;
  return at;
}

/** The address of the first of two `twice` in a row from `at` on, or `end`. */
export function findTwice(at: usize, end: usize, twice: u8): usize {
  const twices = i8x16.splat(twice);
  for (; at + 17 <= end; at += 16) {
    const pairs = v128.and(
      i8x16.eq(v128.load(at), twices),
      i8x16.eq(v128.load(at, 1), twices),
    );
    if (v128.any_true(pairs)) return at + ctz(i8x16.bitmask(pairs));
  }
  for (; at + 1 < end; at++) if (load<u8>(at) == twice && load<u8>(at, 1) == twice) return at;
  return end;
}
