/**
 * `cmdLine` — a command line as its shell reads it: without `\\ " ' ^`, with `,` `;` and white space as one space,
 * none of it before `/` and `(`, in lower case.
 */

namespace Class {
  export const removed: u8 = 1;
  export const space: u8 = 2;
  /** A space before it goes. */
  export const joined: u8 = 3;
  export const upper: u8 = 4;
}

/** Of each byte; 0 for what stays. */
const classes: usize = memory.data(256, 16);
fill();

function fill(): void {
  for (let byte = 0x41; byte <= 0x5a; byte++) store<u8>(classes + byte, Class.upper);
  put('"\'\\^', Class.removed);
  put(' ,;\t\r\n', Class.space);
  put('/(', Class.joined);
}

function put(bytes: string, kind: u8): void {
  for (let i = 0; i < bytes.length; i++) store<u8>(classes + bytes.charCodeAt(i), kind);
}

export function cmdLine(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  let isAfterSpace = false;
  for (; from < end; from++) {
    const byte = load<u8>(from);
    const kind = load<u8>(classes + byte);
    if (kind == 0) {
      store<u8>(into++, byte);
      isAfterSpace = false;
    } else if (kind == Class.space) {
      if (byte != 0x20 || isAfterSpace) changed = true;
      if (!isAfterSpace) store<u8>(into++, 0x20);
      isAfterSpace = true;
    } else if (kind == Class.upper) {
      changed = true;
      store<u8>(into++, byte | 0x20);
      isAfterSpace = false;
    } else if (kind == Class.removed) changed = true;
    else {
      if (isAfterSpace) {
        into--;
        changed = true;
      }
      isAfterSpace = false;
      store<u8>(into++, byte);
    }
  }
  return changed ? <i32>(into - start) : -1;
}
