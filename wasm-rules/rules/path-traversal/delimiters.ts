/** Where a value begins and ends inside a query, a cookie or another structured header. */

/** `=`, `&`, `;`, `,`, `|`, `:` and NUL: what follows is the beginning of a value. */
@inline export function isOpening(byte: u32): bool {
  return byte == 0x3d || byte == 0x26 || byte == 0x3b || byte == 0x2c || byte == 0x7c || byte == 0x3a || byte == 0;
}

/** `&`, `;`, `,`, `|`, `?`, `#` and NUL: the value, or the path inside it, ends here. */
@inline export function isClosing(byte: u32): bool {
  return (
    byte == 0x26 || byte == 0x3b || byte == 0x2c || byte == 0x7c || byte == 0x3f || byte == 0x23 || byte == 0
  );
}

/** A blank, or the `+` that stands for one in a form. */
@inline export function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x2b || byte == 0x09;
}
