/**
 * SQL tokens of a value, in one of the four places where it may stand: bare, or inside a string that `'`, `"` or a
 * backtick opened before it. Comments between tokens are white space; what MySQL runs inside a conditional comment
 * (one that begins with `!`) is read as code.
 *
 * Pure and linear; it stops at `tokensMax` tokens. Tokens are read when somebody asks for them, so of prose, which is
 * no SQL after its first words, no more is read than these.
 */
import { isSpace } from '../transform/plain';
import { addToken, clearTokens, endTokens, Mark, Sql, tokenOf, tokensMax, tokensRead } from './sql-token';
import { kindOfFunction, kindOfWord } from './sql-words';
import { addToHash, emptyHash } from './word-table';

let end: usize = 0;
/** Where the next token is looked for; 0 behind the last one. */
let from: usize = 0;
/** Inside a conditional comment. */
let isConditional: bool = false;
let nestedSeen: bool = false;

/** A comment of the value holds the beginning of another: readers disagree on where it ends. */
export function isNestedComment(): bool {
  tokenCount();
  return nestedSeen;
}

@inline
export function kindAt(index: i32): i32 {
  return load<i32>(tokenAt(index));
}

@inline
export function marksAt(index: i32): i32 {
  return load<i32>(tokenAt(index), 4);
}

export function textAt(index: i32): usize {
  return load<u32>(tokenAt(index), 8);
}

export function lengthAt(index: i32): i32 {
  return load<i32>(tokenAt(index), 12);
}

/** Reads them all. */
export function tokenCount(): i32 {
  readTo(tokensMax);
  return tokensRead;
}

@inline
function tokenAt(index: i32): usize {
  if (index >= tokensRead) readTo(index);
  return tokenOf(index);
}

/** So far that there is a token of this number, or none can be. */
function readTo(index: i32): void {
  if (from == 0) return;
  while (index >= tokensRead) {
    from = from < end ? lexOne(from) : 0;
    if (from != 0) continue;
    endTokens();
    return;
  }
}

/** `quote` is 0 for a bare value. */
export function lexSql(at: usize, length: i32, quote: u8): void {
  end = at + length;
  isConditional = false;
  nestedSeen = false;
  clearTokens();
  from = quote == 0 ? at : lexString(at, quote, at);
}

@inline
function next(at: usize, offset: i32): u32 {
  return at + offset < end ? load<u8>(at + offset) : 0;
}

function add(kind: i32, marks: i32, at: usize, to: usize): usize {
  if (isConditional) marks |= Mark.conditional;
  return addToken(kind, marks, at, <i32>(to - at)) ? to : 0;
}

/** Behind the token, white space or comment at `at`; 0 when the list is full. */
function lexOne(at: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte <= 0x20 || byte == 0x7f || byte == 0xa0) return at + 1;
  if (byte == 0xc2 && next(at, 1) == 0xa0) return at + 2;
  if (byte - 0x30 < 10 || (byte == 0x2e && next(at, 1) - 0x30 < 10)) return lexNumber(at);
  if (isNameStart(byte)) return lexWord(at);
  switch (byte) {
    case 0x27:
    case 0x22:
      return lexString(at + 1, <u8>byte, at);
    case 0x60:
      return lexQuotedName(at, 0x60);
    case 0x5b:
      return lexQuotedName(at, 0x5d);
    case 0x28:
      return add(Sql.open, 0, at, at + 1);
    case 0x29:
      return add(Sql.close, 0, at, at + 1);
    case 0x2c:
      return add(Sql.comma, 0, at, at + 1);
    case 0x3b:
      return add(Sql.semicolon, 0, at, at + 1);
    case 0x7b:
    case 0x7d:
      // {fn name()} and {identifier expression} of ODBC and MySQL.
      return add(Sql.other, 0, at, at + 1);
    case 0x40:
      return lexVariable(at);
    case 0x5c:
      // \N is NULL.
      if ((next(at, 1) | 0x20) == 0x6e && !isNameByte(next(at, 2))) return add(Sql.literal, 0, at, at + 2);
      return add(Sql.other, 0, at, at + 1);
    case 0x2f:
      return next(at, 1) == 0x2a ? lexComment(at) : add(Sql.arithmetic, 0, at, at + 1);
    case 0x2d:
      if (next(at, 1) == 0x2d) return lexLineComment(at, 2);
      if (next(at, 1) == 0x3e) return add(Sql.arithmetic, 0, at, at + (next(at, 2) == 0x3e ? 3 : 2));
      return add(Sql.arithmetic, 0, at, at + 1);
    case 0x23:
      // #> #>> #- of PostgreSQL.
      if (next(at, 1) == 0x3e || next(at, 1) == 0x2d)
        return add(Sql.arithmetic, 0, at, at + (next(at, 2) == 0x3e ? 3 : 2));
      return lexLineComment(at, 1);
    case 0x2a:
      if (isConditional && next(at, 1) == 0x2f) {
        isConditional = false;
        return at + 2;
      }
      return add(Sql.arithmetic, 0, at, at + 1);
    default:
      return lexOperator(at, byte);
  }
}

function lexOperator(at: usize, byte: u32): usize {
  const second = next(at, 1);
  switch (byte) {
    case 0x3d: // = =>
      return add(Sql.compare, Mark.equality, at, at + (second == 0x3e || second == 0x3d ? 2 : 1));
    case 0x3c: // < <= <> <=> << <@
      if (second == 0x3c) return add(Sql.arithmetic, 0, at, at + 2);
      if (second == 0x3d && next(at, 2) == 0x3e) return add(Sql.compare, Mark.equality, at, at + 3);
      if (second == 0x3d || second == 0x3e || second == 0x40)
        return add(Sql.compare, Mark.equality, at, at + 2);
      return add(Sql.compare, 0, at, at + 1);
    case 0x3e: // > >= >>
      if (second == 0x3e) return add(Sql.arithmetic, 0, at, at + 2);
      if (second == 0x3d) return add(Sql.compare, Mark.equality, at, at + 2);
      return add(Sql.compare, 0, at, at + 1);
    case 0x21: // ! != !< !> !~
      if (second == 0x3d || second == 0x3c || second == 0x3e || second == 0x7e)
        return add(Sql.compare, Mark.equality, at, at + 2);
      return add(Sql.prefix, 0, at, at + 1);
    case 0x7e:
      return add(Sql.prefix, 0, at, at + 1);
    case 0x26:
      return second == 0x26 ? add(Sql.logic, 0, at, at + 2) : add(Sql.arithmetic, 0, at, at + 1);
    case 0x7c:
      return second == 0x7c ? add(Sql.logic, 0, at, at + 2) : add(Sql.arithmetic, 0, at, at + 1);
    case 0x2b:
    case 0x25:
    case 0x5e:
      return add(Sql.arithmetic, 0, at, at + 1);
    case 0x3a: // :: casts, := assigns
      if (second == 0x3a) return lexCast(at);
      if (second == 0x3d) return add(Sql.compare, Mark.equality, at, at + 2);
      return add(Sql.other, 0, at, at + 1);
    case 0x3f: // ? ?| ?& of JSON
      return second == 0x7c || second == 0x26
        ? add(Sql.compare, Mark.equality, at, at + 2)
        : add(Sql.other, 0, at, at + 1);
    default:
      return add(Sql.other, 0, at, at + 1);
  }
}

/** `::type` changes nothing about the operand before it. */
function lexCast(at: usize): usize {
  let to = at + 2;
  while (to < end && isSpace(load<u8>(to))) to++;
  const name = to;
  while (to < end && isNameByte(load<u8>(to))) to++;
  return to == name ? add(Sql.other, 0, at, at + 2) : to;
}

/** `at` is behind the quote that `from` points at (or where the value begins). */
function lexString(at: usize, quote: u8, from: usize): usize {
  while (at < end) {
    const byte = load<u8>(at);
    if (byte == 0x5c) {
      at += 2;
      continue;
    }
    if (byte == quote) {
      // Doubled, it is part of the string.
      if (next(at, 1) != quote) return add(Sql.string, 0, from, at + 1);
      at++;
    }
    at++;
  }
  return add(Sql.string, Mark.unclosed, from, end);
}

function lexQuotedName(at: usize, close: u8): usize {
  let to = at + 1;
  while (to < end && load<u8>(to) != close) to++;
  if (to >= end) return add(close == 0x60 ? Sql.name : Sql.other, Mark.unclosed, at, close == 0x60 ? end : at + 1);
  return add(Sql.name, 0, at, to + 1);
}

/** `@a`, `@@a.b`, `@'a'`. */
function lexVariable(at: usize): usize {
  const second = next(at, 1);
  // @> and @@ of PostgreSQL's JSON and text search.
  if (second == 0x3e || second == 0x3f) return add(Sql.compare, Mark.equality, at, at + 2);
  let to = at + 1;
  if (second == 0x40) to++;
  const quote = next(to, 0);
  if (quote == 0x27 || quote == 0x22 || quote == 0x60) {
    to++;
    while (to < end && load<u8>(to) != quote) to++;
    return add(Sql.variable, 0, at, min(to + 1, end));
  }
  const name = to;
  while (to < end && (isNameByte(load<u8>(to)) || load<u8>(to) == 0x2e)) to++;
  if (to == name) return add(Sql.variable, 0, at, to);
  return add(Sql.variable, 0, at, to);
}

function lexComment(at: usize): usize {
  if (next(at, 2) == 0x21) {
    isConditional = true;
    let to = at + 3;
    while (to < end && <u32>load<u8>(to) - 0x30 < 10) to++;
    return to;
  }
  let to = at + 2;
  while (to + 1 < end && load<u16>(to) != 0x2f2a) {
    if (load<u16>(to) == 0x2a2f) nestedSeen = true;
    to++;
  }
  if (to + 1 >= end) return add(Sql.comment, 0, at, end);
  return to + 2;
}

/** To the end of the line; one that ends the value is a token, one before a line is white space. */
function lexLineComment(at: usize, size: i32): usize {
  const after = next(at, size);
  const isTight = at + size < end && after > 0x20;
  let to = at + size;
  while (to < end && load<u8>(to) != 0x0a) to++;
  if (to < end) return to;
  return add(Sql.comment, isTight ? Mark.tight : 0, at, end);
}

function lexNumber(at: usize): usize {
  let to = at;
  const radix = next(at, 1) | 0x20;
  if (load<u8>(at) == 0x30 && (radix == 0x78 || radix == 0x62)) {
    to += 2;
    while (to < end && isHexByte(load<u8>(to))) to++;
    if (to > at + 2 && !isNameByte(next(to, 0))) return add(Sql.number, 0, at, to);
    to = at;
  }
  while (to < end && <u32>load<u8>(to) - 0x30 < 10) to++;
  if (next(to, 0) == 0x2e && next(to, 1) != 0x2e) {
    to++;
    while (to < end && <u32>load<u8>(to) - 0x30 < 10) to++;
  }
  if ((next(to, 0) | 0x20) == 0x65) {
    let exponent = to + 1;
    if (next(exponent, 0) == 0x2b || next(exponent, 0) == 0x2d) exponent++;
    const digits = exponent;
    while (exponent < end && <u32>load<u8>(exponent) - 0x30 < 10) exponent++;
    if (exponent > digits) to = exponent;
  }
  if (!isNameByte(next(to, 0))) return add(Sql.number, 0, at, to);
  // `1or`, `1union`: a number and a word of SQL. `60s`, `14mm`: a name that begins with digits.
  // 1f and 1d are numbers of Oracle.
  const suffix = next(to, 0) | 0x20;
  if ((suffix == 0x66 || suffix == 0x64) && continuesAt(to + 1)) return add(Sql.number, 0, at, to + 1);
  let word = to;
  while (word < end && isNameByte(load<u8>(word))) word++;
  return continuesAt(to) ? add(Sql.number, 0, at, to) : add(Sql.name, 0, at, word);
}

/** A word there goes on with a statement after an operand. */
function continuesAt(word: usize): bool {
  let hash = emptyHash;
  while (word < end && isNameByte(load<u8>(word))) hash = addToHash(hash, lower(load<u8>(word++)));
  const kind = kindOfWord(hash);
  return (
    kind == Sql.logic ||
    kind == Sql.union ||
    kind == Sql.clause ||
    kind == Sql.compare ||
    kind == Sql.from ||
    kind == Sql.where
  );
}

function lexWord(at: usize): usize {
  const second = next(at, 1);
  const first = lower(load<u8>(at));
  // n'…' of national text, x'…' and b'…' of bits, e'…' of escapes.
  if (second == 0x27 && (first == 0x6e || first == 0x78 || first == 0x62 || first == 0x65))
    return lexString(at + 2, 0x27, at);
  // q'[…]' of Oracle.
  if (second == 0x27 && first == 0x71 && next(at, 3) != 0) return lexString(at + 2, 0x27, at);
  let hash = emptyHash;
  let last = emptyHash;
  let to = at;
  let dots = 0;
  while (to < end) {
    const byte = lower(load<u8>(to));
    if (byte == 0x2e) {
      if (!isNameByte(next(to, 1)) && next(to, 1) != 0x60) break;
      dots++;
      if (dots == 1) last = hash;
      hash = emptyHash;
      to++;
      continue;
    }
    if (!isNameByte(byte)) break;
    hash = addToHash(hash, byte);
    to++;
  }
  let bracket = to;
  while (bracket < end && load<u8>(bracket) <= 0x20) bracket++;
  if (next(bracket, 0) == 0x28) {
    // utl_inaddr.get_host_name(…): known by its package.
    let inside = bracket + 1;
    while (inside < end && load<u8>(inside) <= 0x20) inside++;
    const isEmpty = next(inside, 0) == 0x29;
    let kind = kindOfFunction(hash, isEmpty);
    if (dots > 0 && kindOfFunction(last, false) == Sql.probe) kind = Sql.probe;
    if (kind != Sql.name) return add(kind, Mark.word, at, to);
  }
  return add(dots > 0 ? Sql.name : kindOfWord(hash), Mark.word, at, to);
}

/** 0xC2 leads the no-break space and punctuation of Latin-1, no letter of a word. */
@inline
function isNameStart(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26 || byte == 0x5f || byte == 0x24 || (byte >= 0x80 && byte != 0xa0 && byte != 0xc2);
}

@inline
function isNameByte(byte: u32): bool {
  return byte - 0x30 < 10 || isNameStart(byte);
}

function isHexByte(byte: u32): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 6;
}

@inline
function lower(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}
