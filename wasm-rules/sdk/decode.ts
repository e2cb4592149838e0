/**
 * Undoes percent encoding layer by layer until nothing changes, with every layer shown to the rule,
 * because each backend stops at a different one.
 *
 * A layer is one pass over the bytes:
 *
 * - `%41` → the byte; `%u0041` → the character, when `foldToAscii` knows it; anything malformed stays
 * - overlong UTF-8 (`c0 ae`, `e0 80 af`, … up to six bytes) → the ASCII byte a lax decoder makes of it
 * - full-width forms and the other slashes and dots of Unicode → the ASCII byte they are mapped to by
 *   the "best fit" conversion of Windows code pages
 *
 * Each layer is never longer than the one before, so two buffers of the first length suffice.
 * Left out: `+` for a blank (rules treat `+` as a blank where it matters) and HTML entities.
 */
import { arenaTake } from './arena';
import { hexValue } from './bytes';

/** Layers undone; a backend that decodes more often than this is not known. */
export const decodeLayersMax: i32 = 5;

const percent: u32 = 0x25;

let source: usize = 0;
let sourceLength: i32 = 0;
let spare: usize = 0;
let layers: i32 = 0;

/** The layer made last. */
export let decodedAt: usize = 0;
export let decodedLength: i32 = 0;

/** Takes two buffers from the arena; the caller gives them back with `arenaRelease`. */
export function decodeBegin(at: usize, length: i32): void {
  source = at;
  sourceLength = length;
  decodedAt = arenaTake(length);
  spare = arenaTake(length);
  layers = 0;
}

/** Makes the next layer. False when it would be the same as the last, or at `decodeLayersMax`. */
export function decodeNext(): bool {
  if (layers == decodeLayersMax) return false;
  const into = layers == 0 ? decodedAt : spare;
  const length = decodeOnce(source, sourceLength, into);
  if (length < 0) return false;
  if (layers++ > 0) spare = source;
  source = into;
  sourceLength = length;
  decodedAt = into;
  decodedLength = length;
  return true;
}

/** Undoes one layer; the new length, or -1 when nothing changed. */
export function decodeOnce(at: usize, length: i32, into: usize): i32 {
  const end = at + length;
  let out = into;
  // A percent code becomes one byte, which may complete an overlong form only in the next layer:
  // folding looks at what has been written, in a second pass over the output.
  let changed = false;
  let high = false;
  const percents = i8x16.splat(<u8>percent);
  while (at < end) {
    // Sixteen bytes with nothing to undo are copied at once. No more is ever written than was read,
    // so they fit into a buffer as long as the input.
    if (at + 16 <= end) {
      const bytes = v128.load(at);
      if (i8x16.bitmask(v128.or(bytes, i8x16.eq(bytes, percents))) == 0) {
        v128.store(out, bytes);
        at += 16;
        out += 16;
        continue;
      }
    }
    let byte = <u32>load<u8>(at);
    let taken = 1;
    if (byte == percent) {
      const decoded = percentCode(at, end);
      if (decoded >= 0) {
        byte = decoded & 0xff;
        taken = decoded >> 8;
        changed = true;
      }
    }
    high = high || byte >= 0x80;
    store<u8>(out++, byte);
    at += taken;
  }
  if (!high) return changed ? <i32>(out - into) : -1;
  const folded = foldHigh(into, <i32>(out - into));
  return changed || folded >= 0 ? (folded >= 0 ? folded : <i32>(out - into)) : -1;
}

/** Low 8 bits the byte, above them how many bytes the code took; -1 when it is none. */
function percentCode(at: usize, end: usize): i32 {
  if (at + 3 > end) return -1;
  const next = <u32>load<u8>(at, 1);
  if ((next | 0x20) == 0x75) {
    if (at + 6 > end) return -1;
    let character = 0;
    for (let i: usize = 2; i < 6; i++) {
      const digit = hexValue(load<u8>(at + i));
      if (digit < 0) return -1;
      character = (character << 4) | digit;
    }
    const ascii = foldToAscii(character);
    return ascii < 0 ? -1 : (6 << 8) | ascii;
  }
  const upper = hexValue(next);
  const lower = hexValue(load<u8>(at, 2));
  return upper < 0 || lower < 0 ? -1 : (3 << 8) | (upper << 4) | lower;
}

/** Folds overlong and look-alike UTF-8 in place; the new length, or -1 when there was none. */
function foldHigh(at: usize, length: i32): i32 {
  const begin = at;
  const end = at + length;
  let out = at;
  let changed = false;
  while (at < end) {
    const byte = <u32>load<u8>(at);
    const folded = byte < 0xc0 ? -1 : foldSequence(byte, at, end);
    if (folded < 0) {
      store<u8>(out++, byte);
      at++;
    } else {
      store<u8>(out++, folded & 0xff);
      at += folded >> 8;
      changed = true;
    }
  }
  return changed ? <i32>(out - begin) : -1;
}

/** As `percentCode`, for a UTF-8 sequence that begins with `lead`. */
function foldSequence(lead: u32, at: usize, end: usize): i32 {
  const size =
    lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : lead < 0xfc ? 5 : lead < 0xfe ? 6 : 0;
  if (size == 0 || at + size > end) return -1;
  if (lead == 0xc0 || lead == 0xc1) return foldTwo(lead, load<u8>(at, 1));
  let character = lead & (0x7f >> size);
  for (let i = 1; i < size; i++) {
    const next = <u32>load<u8>(at + i);
    if ((next & 0xc0) != 0x80) return -1;
    character = (character << 6) | (next & 0x3f);
  }
  const ascii = foldToAscii(character);
  return ascii < 0 ? -1 : (size << 8) | ascii;
}

/**
 * `c0` and `c1` begin nothing valid. Lax decoders take the low six bits of whatever follows
 * (`c1 1c` → `\`, `c0 2f` → `/`), others drop the lead byte (`c0 5c` → `\`): whichever gives a dot
 * or a slash is the reading an attacker wants.
 */
function foldTwo(lead: u32, next: u32): i32 {
  const lax = ((lead & 1) << 6) | (next & 0x3f);
  if ((next & 0xc0) == 0x80 || lax == 0x2e || lax == 0x2f || lax == 0x5c) return (2 << 8) | lax;
  return next == 0x5c ? (2 << 8) | next : -1;
}

/** The ASCII character that a "best fit" conversion makes of `character`, or -1. */
function foldToAscii(character: u32): i32 {
  if (character < 0x80) return character;
  if (character - 0xff01 < 0x5e) return character - 0xff01 + 0x21;
  switch (character) {
    case 0x2024:
      return 0x2e; // one dot leader
    case 0x2044: // fraction slash
    case 0x2215:
      return 0x2f; // division slash
    case 0x2216:
      return 0x5c; // set minus
    case 0xf025:
      return 0x2f; // private use, as old Windows servers map it
    default:
      return -1;
  }
}
