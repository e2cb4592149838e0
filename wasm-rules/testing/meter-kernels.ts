// What rules spend their time with, each as a loop of its own: measured by bench/micro/meter.ts.

/** Looks for a byte. */
export function scan(at: usize, bytes: i32, wanted: i32): i32 {
  const end = at + bytes;
  while (at < end) {
    if (load<u8>(at) == wanted) return 1;
    at++;
  }
  return 0;
}

/** Follows a table of 16-bit states, as a compiled regular expression does. */
export function automaton(at: usize, bytes: i32, table: usize): i32 {
  let state: u32 = 0;
  const end = at + bytes;
  while (at < end) {
    state = load<u16>(table + ((state << 8) + load<u8>(at)) * 2);
    at++;
  }
  return state;
}

/** Looks for a text at every place. */
export function search(at: usize, bytes: i32, text: usize): i32 {
  const textBytes = 3;
  for (let i = 0; i <= bytes - textBytes; i++) {
    if (equal(at + i, text, textBytes)) return i;
  }
  return -1;
}

function equal(one: usize, other: usize, bytes: i32): bool {
  for (let i = 0; i < bytes; i++) {
    if (load<u8>(one + i) != load<u8>(other + i)) return false;
  }
  return true;
}

export function hash(at: usize, bytes: i32, seed: i32): u32 {
  let value: u32 = seed;
  for (let i = 0; i < bytes; i++) value = (value ^ load<u8>(at + i)) * 0x01000193;
  return value;
}

/** Writes as many bytes as it reads. */
export function lowerCase(at: usize, bytes: i32, into: usize): i32 {
  for (let i = 0; i < bytes; i++) {
    let byte = load<u8>(at + i);
    if (byte - 65 < 26) byte |= 32;
    store<u8>(into + i, byte);
  }
  return 0;
}

/** A store of four bytes in each round, and nearly nothing else. */
export function copyWords(at: usize, bytes: i32, into: usize): i32 {
  for (let i = 0; i < bytes; i += 4) store<u32>(into + i, load<u32>(at + i));
  return 0;
}
