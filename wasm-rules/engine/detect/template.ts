/**
 * `detectTemplate` — whether a value holds an expression of a template engine that computes something or reaches for
 * objects: Jinja, Twig, Django, Handlebars (`{{…}}`, `{%…%}`), EL, SpEL, OGNL, Freemarker, Mako, Groovy (`${…}`, `#{…}`,
 * `*{…}`, `@{…}`, `~{…}`, `%{…}`), ERB, EJS, JSP (`<%…%>`), Thymeleaf (`[[…]]`), Freemarker's and Velocity's directives.
 *
 * One pass: an opener begins an expression, wherever it stands; inside, names, strings and numbers are told apart and
 * weighed. `{{name}}`, `{{ user.name|upper }}`, `${price}` and `${a + b}` are what templates are for and what people
 * write about them; `{{7*7}}`, `{{config}}` and `${T(java.lang.Runtime)}` are not.
 */
import { addToHash, emptyHash } from '../inject/word-table';
import { isBuiltin, isTag, kindOfWord, TemplateWord } from './template-words';

namespace Mode {
  export const text: i32 = 0;
  export const mustache: i32 = 1;
  export const tag: i32 = 2;
  /** `${…}`, `[[…]]`, `@(…)`: JavaScript too. */
  export const dollar: i32 = 3;
  export const expression: i32 = 4;
  export const server: i32 = 5;
}

let mode: i32 = 0;
/** Of the expression under way. */
let names: i32 = 0;
let startsWithApp: bool = false;
let pipes: i32 = 0;
let stringsSeen: i32 = 0;
let callsSeen: i32 = 0;
let namesCall: bool = false;
/** The last token: 0 nothing, a byte, or one of these. */
let last: i32 = 0;
let beforeOperator: i32 = 0;
const isNumber: i32 = 256;
const isString: i32 = 257;
const isName: i32 = 258;
const isLiteralEnd: i32 = 259;

export function detectTemplate(at: usize, length: i32): bool {
  const end = at + length;
  mode = Mode.text;
  while (at < end) {
    const byte: u32 = load<u8>(at);
    const next: u32 = at + 1 < end ? load<u8>(at, 1) : 0;
    const opened = openerOf(byte, next);
    if (opened != 0) {
      if (isHostile()) return true;
      begin(opened);
      at += 2;
      continue;
    }
    if (mode == Mode.text) {
      if ((byte == 0x23 || byte == 0x3c || byte == 0x5b) && isDirective(at, end)) return true;
      at++;
      continue;
    }
    if (isCloser(byte, next)) {
      if (isHostile()) return true;
      mode = Mode.text;
      at++;
      continue;
    }
    if (isNameByte(byte)) {
      const behind = name(at, end);
      if (behind == 0) return true;
      at = behind;
    } else if (byte == 0x22 || byte == 0x27) {
      at = quotedText(at + 1, end, <u8>byte);
      if (at == 0) return true;
    } else {
      if (byte > 0x20 && symbol(byte)) return true;
      at++;
    }
  }
  return isHostile();
}

/** The mode that two bytes open, or 0. */
function openerOf(byte: u32, next: u32): i32 {
  if (next == 0x7b) {
    if (byte == 0x7b) return Mode.mustache;
    if (byte == 0x24) return Mode.dollar;
    return byte == 0x23 || byte == 0x2a || byte == 0x40 || byte == 0x7e || byte == 0x25 || byte == 0x21 ? Mode.expression : 0;
  }
  if (next == 0x25) return byte == 0x7b ? Mode.tag : byte == 0x3c ? Mode.server : 0;
  // Lists of lists and calls of JavaScript begin so too.
  if (byte == 0x5b) return next == 0x5b && mode == Mode.text ? Mode.dollar : 0;
  return byte == 0x40 && next == 0x28 && mode == Mode.text ? Mode.dollar : 0;
}

function isCloser(byte: u32, next: u32): bool {
  if (mode == Mode.mustache) return byte == 0x7d && next == 0x7d;
  if (mode == Mode.tag) return byte == 0x25 && next == 0x7d;
  if (mode == Mode.server) return byte == 0x25 && next == 0x3e;
  return byte == 0x7d || (byte == 0x5d && next == 0x5d);
}

function begin(opened: i32): void {
  mode = opened;
  names = 0;
  startsWithApp = false;
  pipes = 0;
  stringsSeen = 0;
  callsSeen = 0;
  namesCall = false;
  last = 0;
  beforeOperator = 0;
}

/** What only the whole expression tells. */
function isHostile(): bool {
  if (mode == Mode.text) return false;
  if (mode == Mode.server) return callsSeen > 0 && stringsSeen > 0;
  // `|map('system')`
  return namesCall && (mode == Mode.mustache || mode == Mode.tag) && pipes > 0;
}

/** Behind the name or number at `at`; 0 where it is hostile. */
function name(at: usize, end: usize): usize {
  const first: u32 = load<u8>(at);
  if (first - 0x30 < 10) {
    while (at < end && isNameByte(load<u8>(at))) at++;
    return literal(isNumber) ? 0 : at;
  }
  let hash = emptyHash;
  const start = at;
  for (; at < end && isNameByte(load<u8>(at)); at++) hash = addToHash(hash, folded(load<u8>(at)));
  let behind = at;
  while (behind < end && load<u8>(behind) == 0x20) behind++;
  const following: u32 = behind < end ? load<u8>(behind) : 0;
  const isCalled = following == 0x28;
  const kind = kindOfWord(hash);
  const isFilter = last == 0x7c;
  if (kind == TemplateWord.reach) return 0;
  if (kind == TemplateWord.script && mode != Mode.dollar) return 0;
  if (kind == TemplateWord.call && isCalled) return 0;
  if (kind == TemplateWord.scope && following == 0x2e && mode != Mode.server) return 0;
  const roots = mode == Mode.mustache || mode == Mode.expression;
  if (kind == TemplateWord.root && roots && (names == 0 || (names == 1 && startsWithApp)) && following != 0x3a) return 0;
  if (last == 0x3f && mode != Mode.mustache && isBuiltin(hash)) return 0;
  if (mode == Mode.tag && names == 0 && isTag(hash)) return 0;
  // `'x'.f(`: nobody calls something of a constant but to see whether it runs. `T(` names a class of Java.
  if (isCalled) {
    callsSeen++;
    if (last == 0x2e && beforeOperator == isLiteralEnd && mode == Mode.mustache) return 0;
    if (at - start == 1 && first == 0x54 && (mode == Mode.dollar || mode == Mode.expression)) return 0;
    if (isFilter && isAttribute(start, at) && mode == Mode.mustache) return 0;
  }
  if (names == 0 && at - start == 3 && folded(load<u8>(start)) == 0x61 && load<u16>(start, 1) == 0x7070) startsWithApp = true;
  names++;
  last = isName;
  beforeOperator = 0;
  return at;
}

function isAttribute(at: usize, end: usize): bool {
  return end - at == 4 && load<u32>(at) == 0x7274_7461;
}

/** A number or a string: whether an operator between two of them makes it a sum. */
function literal(kind: i32): bool {
  const isSum = (beforeOperator == isNumber || (beforeOperator == isString && kind == isNumber)) && isOperator(last) && names == 0;
  if (isSum) return true;
  last = kind;
  return false;
}

@inline
function isOperator(byte: i32): bool {
  return byte == 0x2a || byte == 0x2b || byte == 0x2f || byte == 0x25;
}

/** Behind its closing quote; 0 where it names what must not be named. */
function quotedText(at: usize, end: usize, quote: u8): usize {
  let hash = emptyHash;
  let length = 0;
  let isWord = true;
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == quote || !isNameByte(byte)) {
      const kind = length > 0 ? kindOfWord(hash) : 0;
      if (kind == TemplateWord.reach || (kind == TemplateWord.scope && byte == 0x2e)) return 0;
      if (byte == quote) {
        if (isWord && kind == TemplateWord.call) namesCall = true;
        break;
      }
      // `{{"x}}`: a quote in prose must not swallow what follows.
      if (byte == 0x7d && at + 1 < end && load<u8>(at, 1) == 0x7d) return at;
      hash = emptyHash;
      length = 0;
      isWord = false;
      continue;
    }
    hash = addToHash(hash, folded(byte));
    length++;
  }
  stringsSeen++;
  if (literal(isString)) return 0;
  return at < end ? at + 1 : at;
}

/** True where it is hostile. */
function symbol(byte: u32): bool {
  if (byte == 0x60 && mode == Mode.server) return true;
  if (byte == 0x7c) pipes++;
  const isClosing = byte == 0x5d || byte == 0x29;
  if (byte == 0x2e) {
    const isConstant = last == isString || last == isLiteralEnd || last == isNumber;
    beforeOperator = isConstant ? isLiteralEnd : 0;
  } else beforeOperator = last;
  last = isClosing && names == 0 ? isLiteralEnd : <i32>byte;
  return false;
}

/** `#set($`, `<#assign `, `[#assign `: nothing else looks like these. */
function isDirective(at: usize, end: usize): bool {
  if (load<u8>(at) == 0x23) return starts(at, end, '#set($') || starts(at, end, '#evaluate($') || starts(at, end, '#set ($');
  at++;
  return starts(at, end, '#assign ') || starts(at, end, '#include ') || starts(at, end, '#import ') || starts(at, end, '#macro ');
}

function starts(at: usize, end: usize, word: string): bool {
  if (at + word.length > end) return false;
  for (let i = 0; i < word.length; i++) if (load<u8>(at + i) != word.charCodeAt(i)) return false;
  return true;
}

@inline
function folded(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}

@inline
function isNameByte(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 26 || byte == 0x5f;
}
