/**
 * XML bodies, as far as rules look into them: `XML:/*` is all text of the document in one piece (CDATA and references
 * resolved, comments and instructions left out), `XML://@*` each attribute's value.
 *
 * ```
 *   <a b="1">x<c>y</c><![CDATA[z]]></a>      text: xyz      attributes: 1
 * ```
 *
 * No entity but the five of XML itself, and no internal subset: what would be expanded is refused, so there is
 * nothing to expand (billion laughs) and nothing to fetch (XXE). A document type that names a public identifier may
 * stand there; its system identifier counts as an attribute's value, one without a public identifier is refused.
 * Only UTF-8 and its ASCII-compatible relatives are read: a reader that decodes UTF-16 would see another text.
 *
 * After a failure the text so far is still given to the sink. Depth and attributes are bounded, every byte is read once.
 */
import { arenaShrink, arenaTake } from '../arena';
import { Collection, emitValue } from '../sink';
import { isSpace } from '../transform/plain';
import { fail } from './failure';
import { putReference, referenceEnd } from './xml-reference';
import { sequenceSize } from './utf8';

/** That of libxml2. */
export const xmlDepthMax: i32 = 256;
export const xmlAttributesMax: i32 = 10_000;

/** Of each open element: where its name lies, and how long it is. */
const open: usize = memory.data(xmlDepthMax * 8, 16);
let depth: i32 = 0;
let attributes: i32 = 0;
let text: usize = 0;
let written: usize = 0;
let isUtf8: bool = true;

/** False after a failure. */
export function parseXml(at: usize, length: i32): bool {
  if (length == 0) return true;
  depth = 0;
  attributes = 0;
  isUtf8 = true;
  // Text is never longer than what it came from: the shortest reference has four bytes and gives one.
  text = arenaTake(length + 16);
  written = text;
  const isRead = readDocument(at, at + length);
  const bytes = <i32>(written - text);
  if (bytes > 0) emitValue(Collection.xmlText, 0, 0, text, bytes);
  return isRead;
}

function refuse(): bool {
  return fail('XML parsing error: XML: Failed parsing document.');
}

function readDocument(at: usize, end: usize): bool {
  if (end - at >= 3 && load<u16>(at) == 0xbbef && load<u8>(at, 2) == 0xbf) at += 3;
  if (end - at >= 5 && startsDeclaration(at)) {
    at = readDeclaration(at + 5, end);
    if (at == 0) return refuse();
  }
  let isRootRead = false;
  let isTypeRead = false;
  while (true) {
    if (depth > 0) {
      at = readText(at, end);
      if (at == 0) return refuse();
    } else while (at < end && isSpace(load<u8>(at))) at++;
    if (at >= end) break;
    if (load<u8>(at) != 0x3c || at + 1 >= end) return refuse();
    const mark = load<u8>(at, 1);
    if (mark == 0x3f) at = skipInstruction(at + 2, end);
    else if (mark == 0x21 && at + 3 < end && load<u16>(at, 2) == 0x2d2d) at = skipComment(at + 4, end);
    else if (mark == 0x21 && depth > 0) at = readCdata(at, end);
    else if (mark == 0x21) {
      if (isRootRead || isTypeRead) return refuse();
      isTypeRead = true;
      at = readType(at, end);
    } else if (mark == 0x2f) at = readEndTag(at + 2, end);
    else {
      if (depth == 0 && isRootRead) return refuse();
      isRootRead = true;
      at = readStartTag(at + 1, end);
    }
    if (at == 0) return refuse();
  }
  return isRootRead && depth == 0 ? true : refuse();
}

/** `<?xml` and a space. */
function startsDeclaration(at: usize): bool {
  return load<u32>(at) == 0x6d78_3f3c && load<u8>(at, 4) == 0x6c;
}

/** Behind the XML declaration; 0 where it names an encoding that is not read here. */
function readDeclaration(at: usize, end: usize): usize {
  const start = at;
  while (at + 1 < end && load<u16>(at) != 0x3e3f) at++;
  if (at + 1 >= end) return 0;
  for (let word = start; word + 10 < at; word++) {
    // "encoding"
    if (load<u64>(word) != 0x676e_6964_6f63_6e65) continue;
    let value = word + 8;
    while (value < at && (isSpace(load<u8>(value)) || load<u8>(value) == 0x3d)) value++;
    if (value >= at) return 0;
    value++;
    // UTF-8, US-ASCII; ISO-8859-x and windows-125x are ASCII with other letters above.
    const first = lower32(value);
    isUtf8 = first == 0x2d66_7475;
    const isKnown = isUtf8 || first == 0x612d_7375 || first == 0x2d6f_7369 || first == 0x646e_6977;
    if (!isKnown || (isUtf8 && load<u8>(value, 4) != 0x38)) return 0;
    break;
  }
  return at + 2;
}

function lower32(at: usize): u32 {
  return load<u32>(at) | 0x2020_2020;
}

/** Character data up to the next `<`; 0 for what no text may hold. */
function readText(at: usize, end: usize): usize {
  while (at < end) {
    const byte = load<u8>(at);
    if (byte == 0x3c) return at;
    if (byte == 0x26) {
      const next = referenceEnd(at, end);
      if (next == 0) return 0;
      written += putReference(written);
      at = next;
      continue;
    }
    const size = characterSize(at, end);
    if (size == 0) return 0;
    for (let i = 0; i < size; i++) store<u8>(written++, load<u8>(at++));
  }
  return at;
}

/** Bytes of a character that XML allows (section 2.2); 0 for others. */
@inline
function characterSize(at: usize, end: usize): i32 {
  const byte = load<u8>(at);
  if (byte < 0x20) return byte == 0x09 || byte == 0x0a || byte == 0x0d ? 1 : 0;
  return byte < 0x80 || !isUtf8 ? 1 : sequenceSize(at, end);
}

function readCdata(at: usize, end: usize): usize {
  // "<![CDATA["
  if (at + 9 > end || load<u64>(at) != 0x4154_4144_435b_213c || load<u8>(at, 8) != 0x5b) return 0;
  at += 9;
  while (at + 2 < end) {
    if (load<u16>(at) == 0x5d5d && load<u8>(at, 2) == 0x3e) return at + 3;
    const size = characterSize(at, end);
    if (size == 0) return 0;
    for (let i = 0; i < size; i++) store<u8>(written++, load<u8>(at++));
  }
  return 0;
}

function skipComment(at: usize, end: usize): usize {
  for (; at + 2 < end; at++)
    if (load<u16>(at) == 0x2d2d) return load<u8>(at, 2) == 0x3e ? at + 3 : 0;
  return 0;
}

function skipInstruction(at: usize, end: usize): usize {
  for (; at + 1 < end; at++) if (load<u16>(at) == 0x3e3f) return at + 2;
  return 0;
}

/** `<!DOCTYPE name PUBLIC "…" "…">`, or no identifier at all. */
function readType(at: usize, end: usize): usize {
  // "<!DOCTYP", "E"
  if (at + 10 > end || load<u64>(at) != 0x5059_5443_4f44_213c || load<u8>(at, 8) != 0x45) return 0;
  at = skipSpace(at + 9, end);
  const nameEnd = skipName(at, end);
  if (nameEnd == at) return 0;
  at = skipSpace(nameEnd, end);
  // "PUBL", "IC"
  if (at + 6 < end && load<u32>(at) == 0x4c42_5550 && load<u16>(at, 4) == 0x4349) {
    at = readLiteral(skipSpace(at + 6, end), end);
    if (at == 0) return 0;
    at = readLiteral(skipSpace(at, end), end);
    if (at == 0) return 0;
    at = skipSpace(at, end);
  }
  return at < end && load<u8>(at) == 0x3e ? at + 1 : 0;
}

function readLiteral(at: usize, end: usize): usize {
  if (at >= end) return 0;
  const quote = load<u8>(at);
  if (quote != 0x22 && quote != 0x27) return 0;
  const start = ++at;
  while (at < end && load<u8>(at) != quote) at++;
  if (at >= end) return 0;
  emitValue(Collection.xmlAttributes, 0, 0, start, <i32>(at - start));
  return at + 1;
}

function readStartTag(at: usize, end: usize): usize {
  const nameEnd = skipName(at, end);
  if (nameEnd == at || depth == xmlDepthMax) return 0;
  const level = open + (depth << 3);
  store<u32>(level, <u32>at);
  store<u32>(level, <u32>(nameEnd - at), 4);
  depth++;
  at = nameEnd;
  while (true) {
    const before = at;
    at = skipSpace(at, end);
    if (at >= end) return 0;
    const byte = load<u8>(at);
    if (byte == 0x3e) return at + 1;
    if (byte == 0x2f) {
      if (at + 1 >= end || load<u8>(at, 1) != 0x3e) return 0;
      depth--;
      return at + 2;
    }
    if (at == before) return 0;
    at = readAttribute(at, end);
    if (at == 0) return 0;
  }
}

function readAttribute(at: usize, end: usize): usize {
  const nameEnd = skipName(at, end);
  if (nameEnd == at || ++attributes > xmlAttributesMax) return 0;
  at = skipSpace(nameEnd, end);
  if (at >= end || load<u8>(at) != 0x3d) return 0;
  at = skipSpace(at + 1, end);
  if (at >= end) return 0;
  const quote = load<u8>(at++);
  if (quote != 0x22 && quote != 0x27) return 0;
  const start = at;
  let copy: usize = 0;
  let into: usize = 0;
  while (at < end && load<u8>(at) != quote) {
    const byte = load<u8>(at);
    if (byte == 0x3c) return 0;
    if (byte == 0x26) {
      const next = referenceEnd(at, end);
      if (next == 0) return 0;
      if (copy == 0) {
        copy = arenaTake(<i32>(valueEnd(at, end, quote) - start) + 16);
        memory.copy(copy, start, at - start);
        into = copy + (at - start);
      }
      into += putReference(into);
      at = next;
      continue;
    }
    const size = characterSize(at, end);
    if (size == 0) return 0;
    if (copy != 0) for (let i = 0; i < size; i++) store<u8>(into++, load<u8>(at + i));
    at += size;
  }
  if (at >= end) return 0;
  if (copy == 0) emitValue(Collection.xmlAttributes, 0, 0, start, <i32>(at - start));
  else {
    arenaShrink(copy, <i32>(into - copy));
    emitValue(Collection.xmlAttributes, 0, 0, copy, <i32>(into - copy));
  }
  return at + 1;
}

function valueEnd(at: usize, end: usize, quote: u8): usize {
  while (at < end && load<u8>(at) != quote) at++;
  return at;
}

function readEndTag(at: usize, end: usize): usize {
  if (depth == 0) return 0;
  const level = open + (--depth << 3);
  const length = load<u32>(level, 4);
  if (at + length > end || memory.compare(at, load<u32>(level), length) != 0) return 0;
  at = skipSpace(at + length, end);
  return at < end && load<u8>(at) == 0x3e ? at + 1 : 0;
}

function skipSpace(at: usize, end: usize): usize {
  while (at < end && isSpace(load<u8>(at))) at++;
  return at;
}

/** Names of XML, loosely: letters, digits, `_ : - .` and everything beyond ASCII, not beginning with a digit. */
function skipName(at: usize, end: usize): usize {
  const start = at;
  for (; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte >= 0x80 || (byte | 0x20) - 0x61 < 26 || byte == 0x5f || byte == 0x3a) continue;
    if (at > start && (byte - 0x30 < 11 || byte == 0x2d || byte == 0x2e)) continue;
    break;
  }
  return at;
}
