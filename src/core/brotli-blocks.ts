/**
 * What a meta-block of brotli says of its blocks and of the codes in them (RFC 7932, sections 6 and 7): the literals, the
 * commands and the distances are each cut into blocks of types, and a type, with what stands before, names the code.
 */
import type { BitReader } from './bit-reader.ts';
import {
  type Code,
  type Lacking,
  lackingOf,
  symbolOf,
  takeCode,
  takeCount,
} from './brotli-codes.ts';

/** The blocks of one of the three. */
export class BlockSplit {
  /** Of the block that is read, and how much of it is left. */
  type = 0;
  left = 1 << 24;
  readonly types: number;
  readonly #typeCode: Code;
  readonly #lengthCode: Code;
  #before = 1;

  private constructor(types: number, typeCode: Code, lengthCode: Code) {
    this.types = types;
    this.#typeCode = typeCode;
    this.#lengthCode = lengthCode;
  }

  static take(reader: BitReader): BlockSplit | Lacking {
    const types = takeCount(reader);
    if (types < 0) return 'more';
    if (types === 1) return new BlockSplit(1, 0, 0);
    const typeCode = takeCode(reader, types + 2);
    if (typeof typeCode === 'string') return typeCode;
    const lengthCode = takeCode(reader, blockLengthBase.length);
    if (typeof lengthCode === 'string') return lengthCode;
    const split = new BlockSplit(types, typeCode, lengthCode);
    const length = split.#takeLength(reader);
    if (length < 0) return lackingOf(length);
    split.left = length;
    return split;
  }

  /** The next block; nothing has changed where bits are missing. */
  next(reader: BitReader): Lacking | 'go' {
    const symbol = symbolOf(reader, this.#typeCode);
    if (symbol < 0) return lackingOf(symbol);
    const length = this.#takeLength(reader);
    if (length < 0) return lackingOf(length);
    const type =
      symbol === 0 ? this.#before : symbol === 1 ? (this.type + 1) % this.types : symbol - 2;
    this.#before = this.type;
    this.type = type;
    this.left = length;
    return 'go';
  }

  #takeLength(reader: BitReader): number {
    const symbol = symbolOf(reader, this.#lengthCode);
    if (symbol < 0) return symbol;
    const extra = reader.take(blockLengthBits[symbol] as number);
    return extra < 0 ? -1 : (blockLengthBase[symbol] as number) + extra;
  }
}

/** Which code each context of each type has, read an entry at a time. */
export class ContextMap {
  readonly codes: number;
  readonly map: Uint8Array;
  readonly #runs: number;
  readonly #code: Code;
  #at = 0;

  private constructor(size: number, codes: number, runs: number, code: Code) {
    this.codes = codes;
    this.map = new Uint8Array(size);
    this.#runs = runs;
    this.#code = code;
    if (codes === 1) this.#at = size;
  }

  /** Its head. */
  static take(reader: BitReader, size: number): ContextMap | Lacking {
    const codes = takeCount(reader);
    if (codes < 0) return 'more';
    if (codes === 1) return new ContextMap(size, 1, 0, 0);
    const hasRuns = reader.take(1);
    const runs = hasRuns <= 0 ? hasRuns : reader.take(4) + 1;
    if (hasRuns < 0 || (hasRuns === 1 && runs === 0)) return 'more';
    const code = takeCode(reader, codes + runs);
    return typeof code === 'string' ? code : new ContextMap(size, codes, runs, code);
  }

  /** True when all of it has come. */
  fill(reader: BitReader): true | Lacking {
    while (this.#at < this.map.length) {
      reader.mark();
      const symbol = symbolOf(reader, this.#code);
      if (symbol < 0) return lackingOf(symbol);
      if (symbol === 0) this.#at++;
      else if (symbol > this.#runs) this.map[this.#at++] = symbol - this.#runs;
      else {
        const extra = reader.take(symbol);
        if (extra < 0) return 'more';
        this.#at += (1 << symbol) + extra;
        if (this.#at > this.map.length) return 'bad';
      }
    }
    reader.mark();
    const isMoved = this.codes === 1 ? 0 : reader.take(1);
    if (isMoved < 0) return 'more';
    if (isMoved === 1) moveToFront(this.map);
    return true;
  }
}

/** Each entry says how long ago its value stood there last. */
function moveToFront(map: Uint8Array): void {
  const values = Uint8Array.from({ length: 256 }, (_, value) => value);
  for (let i = 0; i < map.length; i++) {
    const index = map[i] as number;
    const value = values[index] as number;
    map[i] = value;
    values.copyWithin(1, 0, index);
    values[0] = value;
  }
}

/** What the two bytes before a literal say of it, in four ways. */
export function literalContext(mode: number, last: number, before: number): number {
  switch (mode) {
    case 0:
      return last & 63;
    case 1:
      return last >> 2;
    case 2:
      return (textContexts[last] as number) | (textContexts[256 + before] as number);
    default:
      return ((signContexts[last] as number) << 3) | (signContexts[before] as number);
  }
}

/** For text: of the last byte, then of the one before. */
const textContexts = (() => {
  const contexts = new Uint8Array(512);
  const set = (bytes: string, context: number): void => {
    for (let i = 0; i < bytes.length; i++) contexts[bytes.charCodeAt(i)] = context;
  };
  for (let byte = 33; byte < 127; byte++) contexts[byte] = 12;
  set('\t\n\r', 4);
  set(' ', 8);
  set('!', 12);
  set('"', 16);
  set('%', 20);
  set("'", 16);
  set('(<[{', 24);
  set(')>]}', 28);
  set(',:;', 32);
  set('.', 36);
  set('=', 40);
  set('0123456789', 44);
  set('BCDFGHJKLMNPQRSTVWXYZ', 52);
  set('AEIOU', 48);
  set('bcdfghjklmnpqrstvwxyz', 60);
  set('aeiou', 56);
  for (let byte = 128; byte < 256; byte++) contexts[byte] = (byte & 1) | (byte < 192 ? 0 : 2);
  for (let byte = 33; byte < 127; byte++) {
    const character = String.fromCharCode(byte);
    contexts[256 + byte] = /[a-z]/.test(character) ? 3 : /[A-Z0-9]/.test(character) ? 2 : 1;
  }
  contexts.fill(2, 256 + 224);
  return contexts;
})();

const signContexts = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === 0
    ? 0
    : byte < 16
      ? 1
      : byte < 64
        ? 2
        : byte < 128
          ? 3
          : byte < 192
            ? 4
            : byte < 240
              ? 5
              : byte < 255
                ? 6
                : 7,
);

const blockLengthBase = [
  1, 5, 9, 13, 17, 25, 33, 41, 49, 65, 81, 97, 113, 145, 177, 209, 241, 305, 369, 497, 753, 1265,
  2289, 4337, 8433, 16_625,
];
const blockLengthBits = [
  2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 24,
];
