/**
 * JSON (RFC 8259) read token by token where it lies, without allocation and without recursion.
 *
 * ```ts
 * const json = new Json(body.dataAt, body.dataLength);
 * while (json.next() > JsonToken.End) if (json.token == JsonToken.Key && json.is('method')) …
 * if (json.token == JsonToken.Wrong) … json.fault, json.faultAt …
 * ```
 *
 * Strict: what no JSON parser should take is `Wrong`, for good. Depth is bounded by `depthMax`. Strings
 * keep their escapes until `decode()`; bytes from 0x80 on are handed through without a look at UTF-8.
 */
import { arenaTake } from './arena';
import { hexValue, isDigit } from './bytes';
import { equals } from './matcher';
import { findByte } from './scan';

export const enum JsonToken {
  Wrong = -1,
  End = 0,
  ObjectBegin = 1,
  ObjectEnd = 2,
  ArrayBegin = 3,
  ArrayEnd = 4,
  /** Of a member; `at` and `length` are its name without the quotes. */
  Key = 5,
  /** `at` and `length` are its text without the quotes. */
  String = 6,
  Number = 7,
  True = 8,
  False = 9,
  Null = 10,
}

/** Objects and lists inside each other: one bit each says which it is. */
export const depthMax: i32 = 64;

/** What may come next. */
const enum Expect {
  Value,
  ValueOrArrayEnd,
  KeyOrObjectEnd,
  Key,
  CommaOrEnd,
  Nothing,
}

const quote: u8 = 0x22;
const backslash: u8 = 0x5c;

export class Json {
  token: JsonToken = JsonToken.Wrong;
  /** Of the token: a string or key without its quotes, anything else whole. */
  at: usize = 0;
  length: i32 = 0;
  /** A string or key holds escapes: `at` and `length` are not its text before `decode()`. */
  hasEscapes: bool = false;
  /** How many objects and lists are open. */
  depth: i32 = 0;
  /** Why the token is `Wrong`, and at which byte of the text. */
  fault: string = '';
  faultAt: i32 = 0;

  private position: usize;
  private end: usize;
  private expect: Expect = Expect.Value;
  /** A bit a level: 1 for an object. */
  private objects: u64 = 0;

  constructor(
    private begin: usize,
    length: i32,
  ) {
    this.position = begin;
    this.end = begin + length;
  }

  /** The next token, also in `token`. `End` and `Wrong` stay. */
  next(): JsonToken {
    if (this.fault.length != 0) return this.token;
    this.skipBlanks();
    this.hasEscapes = false;
    if (this.position >= this.end) {
      if (this.expect == Expect.Nothing) return this.set(JsonToken.End, this.position, this.position);
      return this.wrong('the text ends too early');
    }
    let byte = load<u8>(this.position);
    if (this.expect == Expect.CommaOrEnd) {
      if (byte == 0x7d || byte == 0x5d) return this.close(byte);
      if (byte != 0x2c) return this.wrong('a comma or the end is missing');
      this.position++;
      this.expect = this.inObject() ? Expect.Key : Expect.Value;
      this.skipBlanks();
      if (this.position >= this.end) return this.wrong('the text ends too early');
      byte = load<u8>(this.position);
    }
    switch (this.expect) {
      case Expect.Nothing:
        return this.wrong('something follows the value');
      case Expect.KeyOrObjectEnd:
        if (byte == 0x7d) return this.close(byte);
        return this.key(byte);
      case Expect.Key:
        return this.key(byte);
      case Expect.ValueOrArrayEnd:
        if (byte == 0x5d) return this.close(byte);
    }
    return this.value(byte);
  }

  /**
   * With a beginning or a key as the token, goes to the end of what it begins, so that `next` gives what
   * follows: for a key, behind its value. False where the text is wrong.
   */
  skip(): bool {
    if (this.token == JsonToken.Key) this.next();
    if (this.token != JsonToken.ObjectBegin && this.token != JsonToken.ArrayBegin)
      return this.token > JsonToken.End;
    const outside = this.depth - 1;
    while (this.next() > JsonToken.End) if (this.depth == outside) return true;
    return false;
  }

  /** True when the string or key is `text`, escapes undone. */
  is(text: string): bool {
    if (!this.hasEscapes) return equals(this.at, this.length, text);
    const at = this.at;
    const length = this.length;
    this.decode();
    const same = equals(this.at, this.length, text);
    this.at = at;
    this.length = length;
    this.hasEscapes = true;
    return same;
  }

  /** Undoes the escapes of the string or key into the arena; `at` and `length` are its text then. */
  decode(): void {
    if (!this.hasEscapes) return;
    const into = arenaTake(this.length);
    this.length = unescape(this.at, this.length, into);
    this.at = into;
    this.hasEscapes = false;
  }

  /** The number, as far as a double can hold it. */
  number(): f64 {
    return parseFloat(String.UTF8.decodeUnsafe(this.at, this.length));
  }

  /** True for a number written as an integer of at most 18 digits; it is in `integer` then. */
  isInteger(): bool {
    if (this.token != JsonToken.Number) return false;
    let at = this.at;
    const end = at + this.length;
    const negative = load<u8>(at) == 0x2d;
    if (negative) at++;
    if (end - at > 18) return false;
    let value: i64 = 0;
    for (; at < end; at++) {
      const byte = load<u8>(at);
      if (!isDigit(byte)) return false;
      value = value * 10 + (byte - 0x30);
    }
    this.integer = negative ? -value : value;
    return true;
  }

  /** After `isInteger`. */
  integer: i64 = 0;

  private key(byte: u8): JsonToken {
    if (byte != quote) return this.wrong('a member begins with its name in quotes');
    if (!this.string(JsonToken.Key)) return this.token;
    this.skipBlanks();
    if (this.position >= this.end || load<u8>(this.position) != 0x3a)
      return this.wrong('a colon is missing');
    this.position++;
    this.expect = Expect.Value;
    return this.token;
  }

  private value(byte: u8): JsonToken {
    const start = this.position;
    if (byte == 0x7b || byte == 0x5b) {
      if (this.depth == depthMax) return this.wrong('deeper than 64 levels');
      this.objects = (this.objects << 1) | (byte == 0x7b ? 1 : 0);
      this.depth++;
      this.position++;
      this.expect = byte == 0x7b ? Expect.KeyOrObjectEnd : Expect.ValueOrArrayEnd;
      return this.set(
        byte == 0x7b ? JsonToken.ObjectBegin : JsonToken.ArrayBegin,
        start,
        this.position,
      );
    }
    if (byte == quote) {
      if (!this.string(JsonToken.String)) return this.token;
    } else if (byte == 0x2d || isDigit(byte)) {
      if (!this.scanNumber()) return this.wrong('not a number as JSON writes them');
      this.set(JsonToken.Number, start, this.position);
    } else if (byte == 0x74 && this.literal('true')) this.set(JsonToken.True, start, this.position);
    else if (byte == 0x66 && this.literal('false')) this.set(JsonToken.False, start, this.position);
    else if (byte == 0x6e && this.literal('null')) this.set(JsonToken.Null, start, this.position);
    else return this.wrong('no value begins like this');
    this.afterValue();
    return this.token;
  }

  private close(byte: u8): JsonToken {
    const isObject = this.inObject();
    if (this.depth == 0 || isObject != (byte == 0x7d))
      return this.wrong(isObject ? 'an object ends with }' : 'a list ends with ]');
    this.objects >>= 1;
    this.depth--;
    this.position++;
    this.afterValue();
    return this.set(
      isObject ? JsonToken.ObjectEnd : JsonToken.ArrayEnd,
      this.position - 1,
      this.position,
    );
  }

  private string(token: JsonToken): bool {
    const start = this.position + 1;
    let at = start;
    while (true) {
      // Control characters may not stand in a string, so each byte is looked at.
      while (at < this.end && load<u8>(at) >= 0x20 && load<u8>(at) != quote && load<u8>(at) != backslash)
        at++;
      this.position = at;
      if (at >= this.end) {
        this.wrong('a string has no end');
        return false;
      }
      const byte = load<u8>(at);
      if (byte == quote) break;
      if (byte < 0x20) {
        this.wrong('a control character in a string');
        return false;
      }
      this.hasEscapes = true;
      const size = escapeLength(at, this.end);
      if (size == 0) {
        this.wrong('an escape JSON does not have');
        return false;
      }
      at += size;
    }
    this.set(token, start, at);
    this.position = at + 1;
    return true;
  }

  /** `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?` */
  private scanNumber(): bool {
    if (this.peek() == 0x2d) this.position++;
    if (this.peek() == 0x30) this.position++;
    else if (!this.digits()) return false;
    if (this.peek() == 0x2e) {
      this.position++;
      if (!this.digits()) return false;
    }
    if ((this.peek() | 0x20) == 0x65) {
      this.position++;
      if (this.peek() == 0x2b || this.peek() == 0x2d) this.position++;
      if (!this.digits()) return false;
    }
    return true;
  }

  private digits(): bool {
    const start = this.position;
    while (isDigit(this.peek())) this.position++;
    return this.position > start;
  }

  /** The byte here, or 0 at the end. */
  @inline private peek(): u32 {
    return this.position < this.end ? load<u8>(this.position) : 0;
  }

  private literal(text: string): bool {
    if (this.end - this.position < <usize>text.length) return false;
    if (!equals(this.position, text.length, text)) return false;
    this.position += text.length;
    return true;
  }

  private afterValue(): void {
    this.expect = this.depth == 0 ? Expect.Nothing : Expect.CommaOrEnd;
  }

  @inline private inObject(): bool {
    return (this.objects & 1) != 0;
  }

  private skipBlanks(): void {
    while (this.position < this.end) {
      const byte = load<u8>(this.position);
      if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) return;
      this.position++;
    }
  }

  private set(token: JsonToken, from: usize, to: usize): JsonToken {
    this.token = token;
    this.at = from;
    this.length = <i32>(to - from);
    return token;
  }

  private wrong(fault: string): JsonToken {
    this.fault = fault;
    this.faultAt = <i32>(this.position - this.begin);
    return this.set(JsonToken.Wrong, this.position, this.position);
  }
}

/** How long the escape at `at` is, or 0 when it is none. */
function escapeLength(at: usize, end: usize): usize {
  if (at + 2 > end) return 0;
  switch (<u32>load<u8>(at, 1)) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2;
    case 0x75: // u
      return at + 6 <= end && unitAt(at) >= 0 ? 6 : 0;
    default:
      return 0;
  }
}

/** The UTF-16 unit of a `\u` escape, or -1. */
function unitAt(at: usize): i32 {
  let unit = 0;
  for (let i: usize = 2; i < 6; i++) {
    const digit = hexValue(load<u8>(at + i));
    if (digit < 0) return -1;
    unit = (unit << 4) | digit;
  }
  return unit;
}

/**
 * Undoes the escapes of a string that `Json` has read; never longer than it was. A surrogate without its
 * other half becomes U+FFFD, in UTF-8 like all others.
 */
export function unescape(at: usize, length: i32, into: usize): i32 {
  const end = at + length;
  let out = into;
  while (at < end) {
    const stop = findByte(at, end, backslash);
    memory.copy(out, at, stop - at);
    out += stop - at;
    at = stop;
    if (at >= end) break;
    const kind = <u32>load<u8>(at, 1);
    if (kind != 0x75) {
      store<u8>(out++, simpleEscape(kind));
      at += 2;
      continue;
    }
    let character = unitAt(at);
    at += 6;
    if ((character & 0xf800) == 0xd800) {
      const isHigh = character < 0xdc00;
      const follows = isHigh && at + 6 <= end && load<u8>(at) == backslash && load<u8>(at, 1) == 0x75;
      const low = follows ? unitAt(at) : 0;
      if ((low & 0xfc00) == 0xdc00) {
        character = 0x10000 + ((character & 0x3ff) << 10) + (low & 0x3ff);
        at += 6;
      } else character = 0xfffd;
    }
    out = putUtf8(out, character);
  }
  return <i32>(out - into);
}

function simpleEscape(kind: u32): u32 {
  switch (kind) {
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return kind;
  }
}

function putUtf8(out: usize, character: u32): usize {
  if (character < 0x80) {
    store<u8>(out, character);
    return out + 1;
  }
  if (character < 0x800) {
    store<u8>(out, 0xc0 | (character >> 6));
    store<u8>(out, 0x80 | (character & 0x3f), 1);
    return out + 2;
  }
  if (character < 0x10000) {
    store<u8>(out, 0xe0 | (character >> 12));
    store<u8>(out, 0x80 | ((character >> 6) & 0x3f), 1);
    store<u8>(out, 0x80 | (character & 0x3f), 2);
    return out + 3;
  }
  store<u8>(out, 0xf0 | (character >> 18));
  store<u8>(out, 0x80 | ((character >> 12) & 0x3f), 1);
  store<u8>(out, 0x80 | ((character >> 6) & 0x3f), 2);
  store<u8>(out, 0x80 | (character & 0x3f), 3);
  return out + 4;
}
