/**
 * base64url without padding (RFC 7515 section 2), exactly: no blanks, no `+` and `/`, no `=`, and the bits
 * behind the last byte are zero. A signature or token that can be written in two ways gets past whoever
 * remembers only one of them.
 */

/** How many bytes were written, or -1 for what is no base64url. `into` may be `at`. */
export function decodeBase64Url(at: usize, length: i32, into: usize): i32 {
  if ((length & 3) == 1) return -1;
  const whole = length & ~3;
  let out = into;
  for (let i = 0; i < whole; i += 4) {
    const a = sextet(load<u8>(at + i));
    const b = sextet(load<u8>(at + i + 1));
    const c = sextet(load<u8>(at + i + 2));
    const d = sextet(load<u8>(at + i + 3));
    if ((a | b | c | d) < 0) return -1;
    store<u8>(out, (a << 2) | (b >> 4));
    store<u8>(out, (b << 4) | (c >> 2), 1);
    store<u8>(out, (c << 6) | d, 2);
    out += 3;
  }
  const rest = length & 3;
  if (rest == 0) return <i32>(out - into);
  const a = sextet(load<u8>(at + whole));
  const b = sextet(load<u8>(at + whole + 1));
  const c = rest == 3 ? sextet(load<u8>(at + whole + 2)) : 0;
  if ((a | b | c) < 0) return -1;
  store<u8>(out++, (a << 2) | (b >> 4));
  if (rest == 2) return (b & 15) == 0 ? <i32>(out - into) : -1;
  store<u8>(out++, (b << 4) | (c >> 2));
  return (c & 3) == 0 ? <i32>(out - into) : -1;
}

function sextet(byte: u32): i32 {
  if (byte - 0x41 < 26) return byte - 0x41;
  if (byte - 0x61 < 26) return byte - 0x61 + 26;
  if (byte - 0x30 < 10) return byte - 0x30 + 52;
  if (byte == 0x2d) return 62;
  return byte == 0x5f ? 63 : -1;
}
