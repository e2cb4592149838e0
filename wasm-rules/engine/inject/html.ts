/**
 * Walks a value as a browser's tokenizer does (HTML, section 13.2.5) and says whether it meets what runs script: a
 * hostile tag, an event handler, an address with a hostile scheme, a style, a document type or an instruction.
 *
 * ```
 *   text ──<a──► tag name ──► attribute name ──=──► value ─┐      where the value may begin: in text, or in an
 *    ▲  ──<!──► comment, type                ▲             │      attribute's value, bare or in ' " `
 *    └────>────────────────────────────────── ┴────────────┘
 * ```
 *
 * Linear: each byte is read once in each of the places. NULs inside names are left out, as old browsers did.
 */
import { Html, kindOfAttribute, kindOfTag } from './html-words';
import { runsScript } from './url-scheme';
import { addToHash, emptyHash } from './word-table';

let end: usize = 0;
/** What the last name or value was. */
let hash: u32 = 0;
let bytes: i32 = 0;
let first: usize = 0;
/** Inside a tag of its own, not in the attribute that the value was put into. */
let isOwnTag: bool = false;

/** Instead of a place to go on from: the value is at its end, or what runs script was met. */
const done: usize = 0;
const found: usize = 1;

export function holdsScriptInText(at: usize, length: i32): bool {
  end = at + length;
  return walk(readText(at));
}

/** `quote` is 0 for a bare attribute value. */
export function holdsScriptInValue(at: usize, length: i32, quote: u8): bool {
  end = at + length;
  if (quote == 0) {
    // A bare value may also stand where an attribute begins.
    isOwnTag = false;
    if (walk(at)) return true;
  }
  isOwnTag = false;
  at = quote == 0 ? skipBareValue(at) : skipTo(at, quote) + 1;
  return at < end && walk(at);
}

/** Tags and text in turn, from inside a tag. */
function walk(at: usize): bool {
  while (at > found) {
    at = readAttributes(at);
    if (at > found) at = readText(at);
  }
  return at == found;
}

function skipTo(at: usize, byte: u8): usize {
  while (at < end && load<u8>(at) != byte) at++;
  return at;
}

/** To the attributes of the next tag. */
function readText(at: usize): usize {
  while (true) {
    at = skipTo(at, 0x3c) + 1;
    if (at >= end) return done;
    const byte: u32 = load<u8>(at);
    if ((byte | 0x20) - 0x61 < 26 || byte == 0) {
      at = readName(at);
      if (isHostileTag()) return found;
      isOwnTag = true;
      return at;
    }
    if (byte == 0x21) {
      at = walkDeclaration(at + 1);
      if (at == 0) return found;
    } else if (byte == 0x2f && at + 1 < end && load<u8>(at, 1) == 0x2f) {
      isOwnTag = true;
      return at + 1;
    } else if (byte == 0x3f || byte == 0x25) {
      // <?xml-stylesheet, <?import; <% of old.
      at = readName(at + 1);
      if (startsWith('xml') || startsWith('import')) return found;
    }
  }
}

function isHostileTag(): bool {
  if (kindOfTag(hash) == Html.tag || kindOfTag(hashOf(first, first + bytes)) == Html.tag || isForeign()) return true;
  const letters = letterEnd();
  return endsName(letters) && kindOfTag(hashOf(first, letters)) == Html.tag;
}

/** NUL and `<` end a name for some readers; `\x20` and its like do once somebody has decoded them. */
function endsName(at: usize): bool {
  if (at >= first + bytes) return false;
  const byte = load<u8>(at);
  if (byte == 0 || byte == 0x3c) return true;
  const next: u32 = at + 1 < end ? load<u8>(at, 1) : 0;
  return byte == 0x5c && (next == 0x30 || next == 0x75 || next == 0x78);
}

/** Where the letters that the name begins with end: browsers and filters differ on what else ends a name. */
function letterEnd(): usize {
  let at = first;
  while (at < first + bytes && (<u32>load<u8>(at) | 0x20) - 0x61 < 26) at++;
  return at;
}

/** `svg:…`, `xsl:…`, `x:script`: names of other namespaces. */
function isForeign(): bool {
  if (startsWith('svg') || startsWith('xsl')) return true;
  const colon = skipColon();
  return colon > 0 && kindOfTag(hashOf(colon, first + bytes)) == Html.tag;
}

function skipColon(): usize {
  for (let i = 0; i < bytes; i++) if (load<u8>(first + i) == 0x3a) return first + i + 1;
  return 0;
}

/** NULs left out, also where they are still written as `\0`. */
function hashOf(at: usize, until: usize): u32 {
  let sum = emptyHash;
  for (; at < until; at++) {
    const byte = load<u8>(at);
    if (byte == 0x5c && at + 1 < until && load<u8>(at, 1) == 0x30) at++;
    else if (byte != 0) sum = addToHash(sum, lower(byte));
  }
  return sum;
}

/** Behind a comment or a declaration; 0 where it is enough by itself. */
function walkDeclaration(at: usize): usize {
  if (at + 1 < end && load<u16>(at) == 0x2d2d) {
    at += 2;
    const start = at;
    while (at < end && !(load<u8>(at) == 0x3e && at >= start + 2 && endsComment(at))) {
      // Old browsers took a backtick for a quote, and comments of theirs for conditions.
      if (load<u8>(at) == 0x60) return 0;
      at++;
    }
    readName(start);
    if (startsWith('[if') || startsWith('xml') || startsWith('import') || startsWith('entity')) return 0;
    return at;
  }
  const after = readName(at);
  if (startsWith('doctype') || startsWith('entity') || startsWith('import') || startsWith('[if')) return 0;
  if (startsWith('[cdata[')) return at + 7;
  for (at = after; at < end && load<u8>(at) != 0x3e; at++) if (load<u8>(at) == 0x60) return 0;
  return after;
}

function endsComment(at: usize): bool {
  return load<u8>(at - 1) == 0x2d || (load<u8>(at - 1) == 0x21 && load<u8>(at - 2) == 0x2d);
}

/** To the text behind the tag. */
function readAttributes(at: usize): usize {
  while (true) {
    while (at < end && isBetween(load<u8>(at))) at++;
    if (at >= end) return done;
    if (load<u8>(at) == 0x3e) return at + 1;
    if (load<u8>(at) == 0x3c && !isOwnTag) return at;
    at = readName(at);
    if (bytes == 0) {
      at++;
      continue;
    }
    const name = hash;
    const nameAt = first;
    const nameBytes = bytes;
    const letters = letterEnd();
    while (at < end && isSpace(load<u8>(at))) at++;
    const hasValue = at < end && load<u8>(at) == 0x3d;
    if (hasValue) {
      at++;
      while (at < end && isSpace(load<u8>(at))) at++;
    }
    const kind = kindOfAttribute(name);
    if (kind == Html.event && hasValue) return found;
    if (kind == Html.attribute && (isOwnTag || hasValue)) return found;
    if (isOwnTag && hasValue) {
      if (looksLikeEvent(nameAt, nameBytes)) return found;
      if (kindOfAttribute(hashOf(nameAt, letters)) == Html.event) return found;
    }
    if (isOwnTag && (isNamespace(nameAt, nameBytes) || kind == Html.event)) return found;
    if (!hasValue) continue;
    at = readValue(at);
    if (kind == Html.url && runsScript(first, first + bytes)) return found;
    if (kind == Html.indirect && kindOfAttribute(hashOf(first, first + bytes)) != 0) return found;
  }
}

/** `on` and letters, in a tag of the value's own: a handler that is not known yet. */
function looksLikeEvent(at: usize, length: i32): bool {
  if (length < 5 || (load<u8>(at) | 0x20) != 0x6f || (load<u8>(at, 1) | 0x20) != 0x6e) return false;
  for (let i = 2; i < length; i++) if ((<u32>load<u8>(at + i) | 0x20) - 0x61 >= 26 && load<u8>(at + i) != 0) return false;
  return true;
}

/** `xmlns:x`, `xlink:href`. */
function isNamespace(at: usize, length: i32): bool {
  first = at;
  bytes = length;
  return startsWith('xmlns') || startsWith('xlink');
}

/** A name up to white space, `/`, `=`, `>`; `hash`, `first` and `bytes` tell it. */
function readName(at: usize): usize {
  first = at;
  let sum = emptyHash;
  while (at < end) {
    const byte: u32 = load<u8>(at);
    if (isBetween(byte) || byte == 0x3d || byte == 0x3e) {
      if (byte != 0 || at == first) break;
    }
    if (byte != 0) sum = addToHash(sum, lower(byte));
    at++;
  }
  hash = sum;
  bytes = <i32>(at - first);
  return at;
}

/** An attribute's value; `first` and `bytes` tell it. Returns what is behind it. */
function readValue(at: usize): usize {
  first = at;
  bytes = 0;
  if (at >= end) return at;
  const quote = load<u8>(at);
  if (quote == 0x22 || quote == 0x27 || quote == 0x60) {
    first = at + 1;
    at = skipTo(at + 1, quote);
    bytes = <i32>(at - first);
    return min(at + 1, end);
  }
  at = skipBareValue(at);
  bytes = <i32>(at - first);
  return at;
}

function skipBareValue(at: usize): usize {
  while (at < end && !isSpace(load<u8>(at)) && load<u8>(at) != 0x3e) at++;
  return at;
}

function startsWith(word: string): bool {
  let at = first;
  const until = end;
  for (let i = 0; i < word.length; ) {
    if (at >= until) return false;
    const byte: u32 = load<u8>(at++);
    if (byte == 0) continue;
    if (lower(byte) != word.charCodeAt(i)) return false;
    i++;
  }
  return true;
}

@inline
function isSpace(byte: u32): bool {
  return byte == 0x20 || byte - 0x09 < 5;
}

/** What stands between attributes. */
@inline
function isBetween(byte: u32): bool {
  return isSpace(byte) || byte == 0x2f || byte == 0;
}

@inline
function lower(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}
