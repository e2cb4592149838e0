/**
 * A secret made unreadable in its place: each letter and digit gives way to another of its kind, and what stands
 * between them stays, so that length, alphabet and shape are what rules saw, and the value is not.
 *
 * ```
 * eyJhbGci.9f-A2  ─►  qkXrmcTo.4b-W7        %4A ─► %52, é ─► another of two bytes
 * ```
 *
 * No letter or digit is its own filler. The fillers come from a key that is made with the masker and goes with it: the
 * same value has the same filler as long as it lives, which rules that compare two fields need, and nobody can go
 * back. A value without a letter or digit becomes digits whole.
 */
import { createHmac, randomBytes } from 'node:crypto';

export class SecretFiller {
  readonly #key: Buffer;

  constructor(key: Buffer = randomBytes(32)) {
    this.#key = key;
  }

  /** In place. Inside of a JSON text its escapes stay escapes, and a number stays one. */
  fill(bytes: Buffer, start: number, end: number, kind: 'text' | 'json' | 'number' = 'text'): void {
    if (end <= start) return;
    const value = bytes.subarray(start, end);
    const digest = createHmac('sha256', this.#key).update(value).digest();
    const random = new Stream(digest);
    const isHex = /^[0-9a-f:-]+$/i.test(value.toString('latin1')) && kind === 'text';
    let changed = 0;
    for (let at = 0; at < value.length; at++) {
      const byte = value[at] as number;
      if (kind === 'json' && byte === BACKSLASH) {
        if (value[at + 1] === LOWER_U) changed += changeLast(value, at + 5, random);
        at += value[at + 1] === LOWER_U ? 5 : 1;
        continue;
      }
      const escaped = byte === PERCENT && kind !== 'number' ? hexByte(value, at + 1) : -1;
      if (escaped >= 0) {
        const filler = substitute(escaped, 0, false, random);
        if (filler !== escaped) changed++;
        writeHex(value, at + 1, filler);
        at += 2;
        continue;
      }
      if (kind === 'number' && !isDigit(byte)) continue;
      let filler = substitute(byte, value[at - 1] ?? 0, isHex, random);
      // A number begins with no 0.
      if (kind === 'number' && at === 0 && filler === ZERO)
        filler = byte === ZERO + 1 ? ZERO + 2 : ZERO + 1;
      if (filler !== byte) changed++;
      value[at] = filler;
    }
    if (changed === 0)
      for (let at = 0; at < value.length; at++)
        if ((value[at] as number) > 32) value[at] = ZERO + random.below(10);
  }
}

const ZERO = 48;
const PERCENT = 37;
const BACKSLASH = 92;
const LOWER_U = 117;

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= 57;

/** Another one of the same kind. */
function substitute(byte: number, before: number, isHex: boolean, random: Stream): number {
  if (isDigit(byte)) return another(byte, ZERO, 10, random);
  if (byte >= 97 && byte <= 122) return another(byte, 97, isHex ? 6 : 26, random);
  if (byte >= 65 && byte <= 90) return another(byte, 65, isHex ? 6 : 26, random);
  // A byte that goes on in UTF-8; behind these first ones not every one may follow.
  const isBound = before === 0xe0 || before === 0xed || before === 0xf0 || before === 0xf4;
  return byte >= 0x80 && byte < 0xc0 && !isBound ? another(byte, 0x80, 64, random) : byte;
}

const another = (byte: number, first: number, count: number, random: Stream): number =>
  first + ((byte - first + 1 + random.below(count - 1)) % count);

/** The last digit of `\uXXXX`, where the character is beyond ASCII or can be a letter. */
function changeLast(value: Buffer, at: number, random: Stream): number {
  const low = hexDigit(value[at] ?? 0);
  const code = Number.parseInt(value.toString('latin1', at - 3, at + 1), 16);
  if (low < 0 || Number.isNaN(code) || code < 32) return 0;
  if (code < 128) {
    const filler = substitute(code, 0, false, random);
    value.write(filler.toString(16).padStart(4, '0'), at - 3, 'latin1');
    return filler === code ? 0 : 1;
  }
  value[at] = '0123456789abcdef'.charCodeAt((low + 1 + random.below(15)) % 16);
  return 1;
}

function hexByte(value: Buffer, at: number): number {
  const high = hexDigit(value[at] ?? 0);
  const low = hexDigit(value[at + 1] ?? 0);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function writeHex(value: Buffer, at: number, byte: number): void {
  const text = byte.toString(16).padStart(2, '0');
  value.write(
    /[a-f]/.test(value.toString('latin1', at, at + 2)) ? text : text.toUpperCase(),
    at,
    'latin1',
  );
}

function hexDigit(byte: number): number {
  if (isDigit(byte)) return byte - ZERO;
  const folded = byte | 32;
  return folded >= 97 && folded <= 102 ? folded - 87 : -1;
}

/** Numbers from a seed: xorshift, which needs to be quick and not more, as the seed is keyed. */
class Stream {
  #state: number;
  #other: number;

  constructor(seed: Buffer) {
    this.#state = seed.readUInt32LE(0) | 1;
    this.#other = seed.readUInt32LE(4);
  }

  below(count: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    this.#other = (this.#other + 0x6d2b79f5) | 0;
    return ((state ^ this.#other) >>> 0) % count;
  }
}
