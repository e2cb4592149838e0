/**
 * Whether a browser that follows an address runs something: `javascript:`, `vbscript:` and their kin, `data:` other
 * than a plain image. Read as browsers do: references of HTML decoded, white space and control bytes inside left out.
 */
import { hexDigit } from '../transform/digits';

const schemeBytesMax: i32 = 24;
const scheme: usize = memory.data(32, 16);

export function runsScript(at: usize, end: usize): bool {
  let length = 0;
  let isWritten = false;
  while (at < end && length < schemeBytesMax) {
    let byte: u32 = load<u8>(at++);
    if (byte == 0x26) {
      at = reference(at, end);
      byte = referenced;
      if (byte != 0x26) isWritten = true;
      // Nobody writes this word in references but to hide it.
      if (isWritten && length >= 4 && load<u32>(scheme) == 0x6176_616a) return true;
    }
    // Also bytes beyond ASCII, which some browsers skipped in front of a scheme.
    if (byte <= 0x20 || byte >= 0x7f) continue;
    if (byte == 0x3a) {
      if (!is(length, 'feed')) return isHostile(length, at, end);
      // feed: goes in front of another address.
      length = 0;
      continue;
    }
    // An escape of JavaScript in the middle of the word.
    if (byte == 0x5c && length >= 4 && load<u32>(scheme) == 0x6176_616a) return true;
    const isLetter = (byte | 0x20) - 0x61 < 26;
    if (!isLetter && byte != 0x2d && byte != 0x2b && byte != 0x2e && byte - 0x30 >= 10) return false;
    store<u8>(scheme + length++, isLetter ? byte | 0x20 : byte);
  }
  return isWritten && length >= 4 && load<u32>(scheme) == 0x6176_616a;
}

function isHostile(length: i32, rest: usize, end: usize): bool {
  // Every scheme that begins with `java`.
  if (length >= 4 && load<u32>(scheme) == 0x6176_616a) return true;
  if (is(length, 'vbscript') || is(length, 'livescript') || is(length, 'mocha')) return true;
  if (is(length, 'view-source') || is(length, 'mhtml') || is(length, 'jar')) return true;
  return is(length, 'data') && !isPlainImage(rest, end);
}

function is(length: i32, word: string): bool {
  if (length != word.length) return false;
  for (let i = 0; i < length; i++) if (load<u8>(scheme + i) != word.charCodeAt(i)) return false;
  return true;
}

/** Of the images one may hold script, `svg+xml`. */
function isPlainImage(at: usize, end: usize): bool {
  // "image/", then png, gif, jpeg, jpg, webp
  if (at + 10 > end || (load<u32>(at) | 0x2020_2020) != 0x6761_6d69 || (load<u8>(at, 4) | 0x20) != 0x65) return false;
  const first = load<u8>(at, 6) | 0x20;
  return first == 0x70 || first == 0x67 || first == 0x6a || first == 0x77;
}

let referenced: u32 = 0;

/** Behind the reference whose `&` was read; `referenced` is what it stands for, 0x26 where it is none. */
function reference(at: usize, end: usize): usize {
  referenced = 0x26;
  if (at < end && load<u8>(at) == 0x23) {
    let digit = at + 1;
    const isHex = digit < end && (load<u8>(digit) | 0x20) == 0x78;
    if (isHex) digit++;
    const base: u32 = isHex ? 16 : 10;
    const first = digit;
    let value: u32 = 0;
    for (; digit < end; digit++) {
      const number = hexDigit(load<u8>(digit));
      if (number >= base) break;
      value = min<u32>(value * base + number, 0x11_0000);
    }
    if (digit == first) return at;
    referenced = min<u32>(value, 0xff);
    return digit < end && load<u8>(digit) == 0x3b ? digit + 1 : digit;
  }
  let word: u64 = 0;
  let letter = at;
  while (letter < end && letter - at < 8 && (<u32>load<u8>(letter) | 0x20) - 0x61 < 26) word = (word << 8) | (load<u8>(letter++) | 0x20);
  // colon, tab, newline
  if (word == 0x63_6f6c_6f6e) referenced = 0x3a;
  else if (word == 0x74_6162 || word == 0x6e_6577_6c69_6e65) referenced = 0x20;
  else return at;
  return letter < end && load<u8>(letter) == 0x3b ? letter + 1 : letter;
}
