/**
 * Text as a reader takes it, for looking up phrases: lower-case ASCII letters and digits, words apart by one
 * blank, whatever was done to hide them.
 *
 * | in the text                                           | becomes            |
 * | ----------------------------------------------------- | ------------------ |
 * | letters in either case, accents, full-width, mathematical and circled forms, Cyrillic and Greek look-alikes | the letter |
 * | tag characters (U+E0020…, invisible, but models read them) | the letter    |
 * | zero-width and direction marks, soft hyphens, combining marks, broken UTF-8 | nothing |
 * | blanks of any kind and ASCII punctuation, in runs      | one blank          |
 * | anything else                                          | `?`                |
 *
 * Never longer than the text it came from.
 */

const blank: u32 = 0x20;
const nothing: u32 = 0;
const other: u32 = 0x3f;

/** U+00C0 to U+017F: the letter under the accent. */
const latin: string =
  'aaaaaaaceeeeiiiidnooooo?ouuuuytsaaaaaaaceeeeiiiidnooooo?ouuuuyty' +
  'aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiijjjjkkklllllll' +
  'lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs';
/** U+0391 to U+03C9: the Latin letter that looks most like it. */
const greek: string = 'abrdezhoikamneonp?etyoxyoiyaeniuabydeznoikauveonpcotuoxyw';
/** U+0410 to U+044F. */
const cyrillic: string = 'abbrdex3nnknmhonpctyoxuhwwbbb3orabbrdex3uuknmhonpctyoxuhwwbbb3or';

/** Writes the plain text of UTF-8 and answers its length. `into` has room for `length` bytes. */
export function writePlainText(at: usize, length: i32, into: usize): i32 {
  const end = at + length;
  let out = into;
  let wasBlank = true;
  while (at < end) {
    const byte = <u32>load<u8>(at);
    let plain: u32;
    if (byte < 0x80) {
      plain = plainAscii(byte);
      at++;
    } else {
      at = readUtf8(byte, at, end);
      plain = plainOf(codePoint);
    }
    if (plain == nothing) continue;
    if (plain == blank) {
      if (!wasBlank) store<u8>(out++, blank);
      wasBlank = true;
      continue;
    }
    store<u8>(out++, plain);
    wasBlank = false;
  }
  return <i32>(out - into);
}

@inline
function plainAscii(byte: u32): u32 {
  if (byte - 0x61 < 26 || byte - 0x30 < 10) return byte;
  if (byte - 0x41 < 26) return byte | 0x20;
  return byte < 0x09 ? nothing : blank;
}

let codePoint: u32 = 0;

/** Reads one character into `codePoint` (0 for what is none); where the next begins. */
function readUtf8(lead: u32, at: usize, end: usize): usize {
  codePoint = 0;
  const size: usize = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
  if (size == 1 || at + size > end) return at + 1;
  let code = lead & (0x7f >> <u32>size);
  for (let i: usize = 1; i < size; i++) {
    const next = <u32>load<u8>(at + i);
    if ((next & 0xc0) != 0x80) return at + i;
    code = (code << 6) | (next & 0x3f);
  }
  codePoint = code;
  return at + size;
}

function plainOf(code: u32): u32 {
  if (code < 0x300) return plainLatin(code);
  if (code < 0x370) return nothing;
  if (code - 0x391 < 57) return greek.charCodeAt(code - 0x391);
  if (code - 0x410 < 64) return cyrillic.charCodeAt(code - 0x410);
  if (code < 0x2000) return plainLookAlike(code);
  if (code < 0x2070) return plainPunctuation(code);
  if (code == 0x212a) return 0x6b;
  if (code - 0x24b6 < 52) return 0x61 + ((code - 0x24b6) % 26);
  if (code == 0x3000) return blank;
  if (code - 0xfe00 < 16 || code == 0xfeff || code == 0xfffd) return nothing;
  if (code - 0xff01 < 0x5e) return plainAscii(code - 0xff01 + 0x21);
  if (code - 0x1d400 < 0x2a4) return 0x61 + ((code - 0x1d400) % 26);
  if (code - 0x1d7ce < 50) return 0x30 + ((code - 0x1d7ce) % 10);
  if (code - 0xe0020 < 0x5f) return plainAscii(code - 0xe0000);
  return code >= 0xe0000 ? nothing : other;
}

function plainLatin(code: u32): u32 {
  if (code < 0xc0) return code == 0xad || code == 0 ? nothing : code == 0xa0 ? blank : other;
  return code - 0xc0 < <u32>latin.length ? latin.charCodeAt(code - 0xc0) : other;
}

/** Single letters of other alphabets that look like Latin ones. */
function plainLookAlike(code: u32): u32 {
  switch (code) {
    case 0x3f2:
      return 0x63;
    case 0x3f3:
    case 0x408:
    case 0x458:
      return 0x6a;
    case 0x405:
    case 0x455:
      return 0x73;
    case 0x406:
    case 0x456:
    case 0x407:
    case 0x457:
    case 0x4c0:
    case 0x4cf:
      return 0x69;
    case 0x401:
    case 0x451:
      return 0x65;
    case 0x501:
      return 0x64;
    case 0x51b:
      return 0x71;
    case 0x51d:
      return 0x77;
    case 0x34f:
    case 0x61c:
    case 0x115f:
    case 0x1160:
    case 0x17b4:
    case 0x17b5:
      return nothing;
    case 0x1680:
      return blank;
  }
  return code - 0x180b < 5 ? nothing : other;
}

function plainPunctuation(code: u32): u32 {
  if (code <= 0x200a || code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f) return blank;
  if (code <= 0x200f || code - 0x202a < 5 || code >= 0x2060) return nothing;
  return blank;
}
