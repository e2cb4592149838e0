/**
 * Copying the stretches that a transformation leaves as they are, sixteen bytes at a time: most of most values.
 *
 * Each function copies from `from` (before `end`) to `into` until it meets a byte it was told of, and returns
 * how many bytes it copied. It never reads at or after `end`. It may write up to 15 bytes after the last one it
 * copied: the slack that `outputBytesMax` of `transform.ts` counts.
 */

@inline
export function copyUntil(from: usize, end: usize, into: usize, stop: u8): i32 {
  return copyUntilEither(from, end, into, stop, stop);
}

export function copyUntilEither(from: usize, end: usize, into: usize, stop: u8, other: u8): i32 {
  const start = from;
  if (end - from >= 16) {
    const stops = i8x16.splat(stop);
    const others = i8x16.splat(other);
    const last = end - 16;
    do {
      const block = v128.load(from);
      v128.store(into, block);
      const found = i8x16.bitmask(v128.or(i8x16.eq(block, stops), i8x16.eq(block, others)));
      if (found != 0) return <i32>(from - start) + ctz(found);
      from += 16;
      into += 16;
    } while (from <= last);
  }
  while (from < end) {
    const byte = load<u8>(from);
    if (byte == stop || byte == other) break;
    store<u8>(into, byte);
    from++;
    into++;
  }
  return <i32>(from - start);
}

/** Until white space (TAB to CR, SP) or one byte more. */
export function copyUntilSpaceOr(from: usize, end: usize, into: usize, other: u8): i32 {
  const start = from;
  if (end - from >= 16) {
    const tab = i8x16.splat(0x09);
    const five = i8x16.splat(5);
    const space = i8x16.splat(0x20);
    const others = i8x16.splat(other);
    const last = end - 16;
    do {
      const block = v128.load(from);
      v128.store(into, block);
      const control = i8x16.lt_u(i8x16.sub(block, tab), five);
      const single = v128.or(i8x16.eq(block, space), i8x16.eq(block, others));
      const found = i8x16.bitmask(v128.or(control, single));
      if (found != 0) return <i32>(from - start) + ctz(found);
      from += 16;
      into += 16;
    } while (from <= last);
  }
  while (from < end) {
    const byte = load<u8>(from);
    if (isSpace(byte) || byte == other) break;
    store<u8>(into, byte);
    from++;
    into++;
  }
  return <i32>(from - start);
}

/** Until a byte of `low` to `high`, counted upwards from `low` and on past 255 to 0. */
export function copyUntilRange(from: usize, end: usize, into: usize, low: u8, high: u8): i32 {
  const start = from;
  if (end - from >= 16) {
    const lows = i8x16.splat(low);
    const span = i8x16.splat(high - low);
    const last = end - 16;
    do {
      const block = v128.load(from);
      v128.store(into, block);
      const found = i8x16.bitmask(i8x16.le_u(i8x16.sub(block, lows), span));
      if (found != 0) return <i32>(from - start) + ctz(found);
      from += 16;
      into += 16;
    } while (from <= last);
  }
  while (from < end) {
    const byte = load<u8>(from);
    if (<u8>(byte - low) <= <u8>(high - low)) break;
    store<u8>(into, byte);
    from++;
    into++;
  }
  return <i32>(from - start);
}

/** `isspace` of the C locale. */
@inline
export function isSpace(byte: u32): bool {
  return byte - 0x09 < 5 || byte == 0x20;
}
