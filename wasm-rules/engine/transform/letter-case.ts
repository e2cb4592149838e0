/** `lowercase` and `uppercase`; ASCII letters alone. */
export function lowercase(from: usize, length: i32, into: usize): i32 {
  return fold(from, length, into, 0x41);
}

export function uppercase(from: usize, length: i32, into: usize): i32 {
  return fold(from, length, into, 0x61);
}

/** Turns the case of the 26 letters from `first`. */
@inline
function fold(from: usize, length: i32, into: usize, first: u8): i32 {
  const end = from + length;
  let changed = false;
  if (length >= 16) {
    const firsts = i8x16.splat(first);
    const letters = i8x16.splat(26);
    const turn = i8x16.splat(0x20);
    const last = end - 16;
    let any = i8x16.splat(0);
    do {
      const block = v128.load(from);
      const found = i8x16.lt_u(i8x16.sub(block, firsts), letters);
      any = v128.or(any, found);
      v128.store(into, v128.xor(block, v128.and(found, turn)));
      from += 16;
      into += 16;
    } while (from <= last);
    changed = v128.any_true(any);
  }
  for (; from < end; from++, into++) {
    const byte = load<u8>(from);
    const isLetter = <u32>byte - first < 26;
    if (isLetter) changed = true;
    store<u8>(into, isLetter ? byte ^ 0x20 : byte);
  }
  return changed ? length : -1;
}
