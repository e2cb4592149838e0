/** Where a value begins and ends inside a query, a cookie or another structured header. */

/** `=`, `&`, `;`, `,`, `|`, `:` and NUL: what follows is the beginning of a value. */
export function isOpening(byte: u32): bool {
  return (
    byte == 0x3d ||
    byte == 0x26 ||
    byte == 0x3b ||
    byte == 0x2c ||
    byte == 0x7c ||
    byte == 0x3a ||
    byte == 0
  );
}

/** `&`, `;`, `,`, `|`, `?`, `#` and NUL: the value, or the path inside it, ends here. */
export function isClosing(byte: u32): bool {
  return (
    byte == 0x26 ||
    byte == 0x3b ||
    byte == 0x2c ||
    byte == 0x7c ||
    byte == 0x3f ||
    byte == 0x23 ||
    byte == 0
  );
}

/** A blank, or the `+` that stands for one in a form. */
export function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x2b || byte == 0x09;
}

/**
 * How long the blank at `at` is, 0 when there is none: one byte, or its percent code with any number of
 * layers (`%20`, `%2520`, …), so that prose looks like prose before it is decoded as well.
 */
export function blankLength(at: usize, end: usize): usize {
  const byte = <u32>load<u8>(at);
  if (isBlank(byte)) return 1;
  if (byte != 0x25) return 0;
  let next = at + 1;
  while (next + 2 < end && load<u16>(next) == 0x3532) next += 2; // "25"
  if (next + 2 > end) return 0;
  const code = load<u16>(next);
  return code == 0x3032 || code == 0x3930 ? next + 2 - at : 0; // "20", "09"
}
