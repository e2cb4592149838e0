/**
 * `cmdLine` — a command line as its shell reads it: without `\ " ' ^`, with `,` `;` and white space as one space,
 * none of it before `/` and `(`, in lower case.
 */
export function cmdLine(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  let isAfterSpace = false;
  for (; from < end; from++) {
    const byte = load<u8>(from);
    switch (byte) {
      case 0x22:
      case 0x27:
      case 0x5c:
      case 0x5e:
        changed = true;
        break;
      case 0x09:
      case 0x0a:
      case 0x0d:
      case 0x2c:
      case 0x3b:
      case 0x20:
        if (byte != 0x20 || isAfterSpace) changed = true;
        if (!isAfterSpace) store<u8>(into++, 0x20);
        isAfterSpace = true;
        break;
      case 0x2f:
      case 0x28:
        if (isAfterSpace) {
          into--;
          changed = true;
        }
        isAfterSpace = false;
        store<u8>(into++, byte);
        break;
      default: {
        const isUpper = <u32>byte - 0x41 < 26;
        if (isUpper) changed = true;
        store<u8>(into++, isUpper ? byte | 0x20 : byte);
        isAfterSpace = false;
      }
    }
  }
  return changed ? <i32>(into - start) : -1;
}
