/**
 * `foldLookAlikes` — text as a reader sees it: letters of Cyrillic, Greek and mathematics that look like ASCII become
 * it, as full-width forms do; what has no width (joiners, marks of direction, soft hyphens, tags) goes; letters are
 * lower case; each stretch of white space is one blank. Never longer than the value.
 */
export function foldLookAlikes(from: usize, length: i32, into: usize): i32 {
  const end = from + length;
  const start = into;
  let changed = false;
  let isSpaced = false;
  while (from < end) {
    const byte: u32 = load<u8>(from);
    let folded: i32 = byte;
    let bytes: usize = 1;
    if (byte >= 0xc2) {
      const code = codePoint(from, end);
      bytes = codeBytes;
      folded = code < 0 ? <i32>byte : lookOf(code);
    }
    if (folded == hidden) {
      from += bytes;
      changed = true;
      continue;
    }
    if (folded == none) {
      for (let i: usize = 0; i < bytes; i++) store<u8>(into++, load<u8>(from + i));
      from += bytes;
      isSpaced = false;
      continue;
    }
    from += bytes;
    if (folded - 0x41 >= 0 && folded - 0x41 < 26) folded |= 0x20;
    const isSpace = folded == 0x20 || (folded >= 0x09 && folded <= 0x0d);
    if (isSpace && isSpaced) {
      changed = true;
      continue;
    }
    isSpaced = isSpace;
    if (isSpace) folded = 0x20;
    if (bytes > 1 || <u32>folded != byte) changed = true;
    store<u8>(into++, folded);
  }
  return changed ? <i32>(into - start) : -1;
}

const none: i32 = -1;
const hidden: i32 = -2;
let codeBytes: usize = 1;

/** -1, and one byte, where no whole sequence begins. */
function codePoint(at: usize, end: usize): i32 {
  const lead: u32 = load<u8>(at);
  const bytes: usize = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  codeBytes = 1;
  if (bytes == 0 || at + bytes > end) return -1;
  let code: u32 = lead & (0xff >> (<u32>bytes + 1));
  for (let i: usize = 1; i < bytes; i++) {
    const next: u32 = load<u8>(at + i);
    if ((next & 0xc0) != 0x80) return -1;
    code = (code << 6) | (next & 0x3f);
  }
  codeBytes = bytes;
  return <i32>code;
}

function lookOf(code: i32): i32 {
  if (code == 0xa0 || (code >= 0x2000 && code <= 0x200a) || code == 0x202f || code == 0x205f || code == 0x3000) return 0x20;
  if (code == 0x00ad || code == 0x034f || code == 0x061c || code == 0x180e || code == 0xfeff) return hidden;
  if ((code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f)) return hidden;
  if ((code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xe0000 && code <= 0xe01ef)) return hidden;
  if (code >= 0xff01 && code <= 0xff5e) return code - 0xfee0;
  // Mathematical letters: thirteen alphabets of 52.
  if (code >= 0x1d400 && code <= 0x1d6a3) {
    const letter = (code - 0x1d400) % 52;
    return letter < 26 ? 0x61 + letter : 0x61 + letter - 26;
  }
  if (code >= 0x24b6 && code <= 0x24e9) return 0x61 + ((code - 0x24b6) % 26);
  if (code == 0x2018 || code == 0x2019) return 0x27;
  return letterOf(code);
}

function letterOf(code: i32): i32 {
  switch (code) {
    case 0x0391: case 0x03b1: case 0x0410: case 0x0430: return 0x61;
    case 0x0392: case 0x0412: return 0x62;
    case 0x03f2: case 0x0421: case 0x0441: return 0x63;
    case 0x0501: return 0x64;
    case 0x0395: case 0x03b5: case 0x0415: case 0x0435: return 0x65;
    case 0x0397: case 0x041d: case 0x04bb: return 0x68;
    case 0x0399: case 0x03b9: case 0x0406: case 0x0456: case 0x04c0: case 0x0131: return 0x69;
    case 0x0408: case 0x0458: return 0x6a;
    case 0x039a: case 0x03ba: case 0x041a: case 0x043a: return 0x6b;
    case 0x039c: case 0x041c: return 0x6d;
    case 0x039d: case 0x0578: return 0x6e;
    case 0x039f: case 0x03bf: case 0x041e: case 0x043e: case 0x0555: return 0x6f;
    case 0x03a1: case 0x03c1: case 0x0420: case 0x0440: return 0x70;
    case 0x051b: return 0x71;
    case 0x0405: case 0x0455: return 0x73;
    case 0x03a4: case 0x03c4: case 0x0422: case 0x0442: return 0x74;
    case 0x03c5: case 0x057d: return 0x75;
    case 0x03bd: case 0x0475: return 0x76;
    case 0x051d: return 0x77;
    case 0x03a7: case 0x03c7: case 0x0425: case 0x0445: return 0x78;
    case 0x03a5: case 0x0423: case 0x0443: return 0x79;
    case 0x0396: return 0x7a;
    default: return none;
  }
}
