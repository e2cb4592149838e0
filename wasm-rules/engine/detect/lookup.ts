/**
 * `detectLookup` — whether a value makes Log4j or Commons Text fetch or run something: `${jndi:…}`, `${script:…}`,
 * `${dns:…}`, `${url:…}`. Lookups inside are resolved as the library does, so that `${${lower:j}ndi:…}` and
 * `${${::-j}ndi:…}` say what they say.
 *
 * One pass with a stack of open lookups. Of each only the head counts: the first bytes of its text, begun anew behind
 * `lower:`, `upper:` and `:-`, as that is what it resolves to. Nesting deeper than `depthMax` is an attack by itself.
 */

const depthMax: i32 = 24;
const headBytesMax: i32 = 48;
/** A lookup: bytes in its head, whether the head is its value, then the head. */
const frameBytes: usize = 64;
const frames: usize = memory.data(25 * 64, 16);
let depth: i32 = 0;

export function detectLookup(at: usize, length: i32): bool {
  const end = at + length;
  depth = 0;
  while (at < end) {
    const byte: u32 = load<u8>(at++);
    if (byte == 0x24 && at < end && load<u8>(at) == 0x7b) {
      if (depth == depthMax) return true;
      depth++;
      store<i32>(frame(), 0);
      store<i32>(frame(), 0, 4);
      at++;
    } else if (depth == 0) continue;
    else if (byte == 0x7d) {
      if (close()) return true;
    } else if (byte == 0xc4 && at < end && load<u8>(at) == 0xb1) {
      // The dotless i, of which upper case is I.
      at++;
      if (put(0x69)) return true;
    } else if (put(byte)) return true;
  }
  return false;
}

@inline
function frame(): usize {
  return frames + <usize>depth * frameBytes;
}

/** Whether the innermost lookup is hostile now. */
function put(byte: u32): bool {
  const open = frame();
  const length = load<i32>(open);
  // Quotes in the format of a date, blanks.
  if (byte == 0x27 || byte <= 0x20) return false;
  if (byte - 0x41 < 26) byte |= 0x20;
  if (byte == 0x2d && length > 0 && load<u8>(open + 7 + length) == 0x3a && load<i32>(open, 4) == 0) {
    // `:-`: what follows is the value.
    store<i32>(open, 0);
    store<i32>(open, 1, 4);
    return false;
  }
  if (length == headBytesMax) {
    // The colon of `:-` may still come.
    store<u8>(open + 7 + length, byte);
    return false;
  }
  store<u8>(open + 8 + length, byte);
  store<i32>(open, length + 1);
  if (byte != 0x3a) return false;
  if (load<i32>(open, 4) == 0 && (is(open, 'lower:') || is(open, 'upper:') || is(open, 'date:'))) {
    store<i32>(open, 0);
    store<i32>(open, 1, 4);
    return false;
  }
  return is(open, 'jndi:') || is(open, 'script:') || is(open, 'dns:') || is(open, 'url:');
}

/** What the innermost lookup resolves to becomes text of the one around it. */
function close(): bool {
  const inner = frame();
  depth--;
  if (depth == 0 || load<i32>(inner, 4) == 0) return false;
  const length = load<i32>(inner);
  for (let i = 0; i < length; i++) if (put(load<u8>(inner + 8 + i))) return true;
  return false;
}

function is(open: usize, word: string): bool {
  if (load<i32>(open) != word.length) return false;
  for (let i = 0; i < word.length; i++) if (load<u8>(open + 8 + i) != word.charCodeAt(i)) return false;
  return true;
}
