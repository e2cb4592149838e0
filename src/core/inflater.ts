/**
 * DEFLATE (RFC 1951) in its frames, gzip (RFC 1952), zlib (RFC 1950) or none, taken apart as it comes, in any pieces.
 *
 * ```
 * frame's head ─► block: stored │ fixed │ dynamic ─► … last block ─► frame's end ─► gzip: another member, or zeros
 * ```
 *
 * Node's own works in other threads or on whole bodies, and a body is forwarded piece by piece behind rules that see
 * what the origin will make of it, at once. An element for which bytes are missing is begun again with the next piece, so
 * at most a block's head is held. Checksums are not looked at: who forges one shows the rules no other bytes.
 */
import { BitReader, type PrefixCode, prefixCodeOf } from './bit-reader.ts';

export type Inflated = Buffer | 'too-long' | 'unreadable';
export type Frame = 'gzip' | 'zlib' | 'raw';

/** What an element of DEFLATE may point back to. */
const historyBytes = 32_768;
/** Extra fields, name and comment of a gzip member. */
const gzipHeadBytesMax = 4_096;
const firstRoomBytes = 65_536;

type Step = 'go' | 'more' | 'full' | 'bad';
type State = 'head' | 'block' | 'stored' | 'codes' | 'end' | 'padding';

export class Inflater {
  readonly #frame: Frame;
  #state: State = 'head';
  readonly #reader = new BitReader();
  #isLastBlock = false;
  #storedLeft = 0;
  #lengths: PrefixCode = fixedLengths;
  #distances: PrefixCode = fixedDistances;
  /** History, and what has come since; `#outAt` is behind it. */
  #out = new Uint8Array(historyBytes);
  #outAt = 0;
  #outMax = 0;

  constructor(frame: Frame) {
    this.#frame = frame;
  }

  /** Nothing is missing at its end. */
  get isWhole(): boolean {
    return this.#state === 'padding' && this.#reader.rest().length === 0;
  }

  /** What comes of these bytes, at most so many. After a word in place of bytes nothing more is to be given. */
  push(bytes: Uint8Array, bytesMax: number): Inflated {
    this.#reader.feed(bytes);
    const history = Math.min(this.#outAt, historyBytes);
    const out = new Uint8Array(history + Math.min(bytesMax, firstRoomBytes));
    out.set(this.#out.subarray(this.#outAt - history, this.#outAt));
    this.#out = out;
    this.#outAt = history;
    this.#outMax = history + bytesMax;
    let step: Step = 'go';
    while (step === 'go') step = this.#step();
    if (step === 'bad') return 'unreadable';
    if (step === 'full') return 'too-long';
    this.#reader.keepRest();
    return Buffer.from(this.#out.subarray(history, this.#outAt));
  }

  #step(): Step {
    switch (this.#state) {
      case 'head':
        return this.#head();
      case 'block':
        return this.#again(() => this.#block());
      case 'stored':
        return this.#stored();
      case 'codes':
        return this.#codes();
      case 'end':
        return this.#end();
      case 'padding':
        return this.#padding();
    }
  }

  /** An element that lacks bytes is begun again with more of them. */
  #again(element: () => Step): Step {
    this.#reader.mark();
    const step = element();
    if (step === 'more') this.#reader.backToMark();
    return step;
  }

  #head(): Step {
    if (this.#frame === 'raw') return this.#to('block');
    const input = this.#reader.rest();
    if (this.#frame === 'zlib') {
      if (input.length < 2) return 'more';
      const [method = 0, flags = 0] = input;
      if ((method & 15) !== 8 || ((method << 8) | flags) % 31 !== 0 || (flags & 32) !== 0)
        return 'bad';
      this.#reader.skip(2);
      return this.#to('block');
    }
    const length = gzipHeadLength(input);
    if (length < 0) return 'bad';
    if (length === 0) return input.length > gzipHeadBytesMax ? 'bad' : 'more';
    this.#reader.skip(length);
    return this.#to('block');
  }

  #block(): Step {
    const head = this.#reader.take(3);
    if (head < 0) return 'more';
    const kind = head >> 1;
    if (kind === 3) return 'bad';
    if (kind === 0) {
      this.#reader.align();
      const length = this.#reader.take(16);
      const inverse = length < 0 ? -1 : this.#reader.take(16);
      if (inverse < 0) return 'more';
      if ((length ^ 0xffff) !== inverse) return 'bad';
      this.#storedLeft = length;
    } else if (kind === 1) {
      this.#lengths = fixedLengths;
      this.#distances = fixedDistances;
    } else {
      const step = this.#tables();
      if (step !== 'go') return step;
    }
    this.#isLastBlock = (head & 1) === 1;
    return this.#to(kind === 0 ? 'stored' : 'codes');
  }

  #tables(): Step {
    const counts = this.#reader.take(14);
    if (counts < 0) return 'more';
    const lengthCount = (counts & 31) + 257;
    const distanceCount = ((counts >> 5) & 31) + 1;
    if (lengthCount > 286 || distanceCount > 30) return 'bad';
    const codeLengths = new Uint8Array(19);
    for (let i = 0; i < (counts >> 10) + 4; i++) {
      const length = this.#reader.take(3);
      if (length < 0) return 'more';
      codeLengths[codeOrder[i] as number] = length;
    }
    const codes = prefixCodeOf(codeLengths, false);
    if (codes === null) return 'bad';
    const all = new Uint8Array(lengthCount + distanceCount);
    for (let i = 0; i < all.length; ) {
      const symbol = this.#reader.symbol(codes);
      if (symbol < 0) return symbol === -1 ? 'more' : 'bad';
      if (symbol < 16) {
        all[i++] = symbol;
        continue;
      }
      const bits = symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
      const extra = this.#reader.take(bits);
      if (extra < 0) return 'more';
      const times = extra + (symbol === 18 ? 11 : 3);
      if (i + times > all.length || (symbol === 16 && i === 0)) return 'bad';
      all.fill(symbol === 16 ? (all[i - 1] as number) : 0, i, i + times);
      i += times;
    }
    // Without an end a block has none.
    if (all[256] === 0) return 'bad';
    const lengths = prefixCodeOf(all.subarray(0, lengthCount), true);
    const distances = prefixCodeOf(all.subarray(lengthCount), true);
    if (lengths === null || distances === null) return 'bad';
    this.#lengths = lengths;
    this.#distances = distances;
    return 'go';
  }

  #stored(): Step {
    const rest = this.#reader.rest();
    const length = Math.min(this.#storedLeft, rest.length);
    if (!this.#hasRoom(length)) return 'full';
    this.#out.set(rest.subarray(0, length), this.#outAt);
    this.#outAt += length;
    this.#storedLeft -= length;
    this.#reader.skip(length);
    return this.#storedLeft > 0 ? 'more' : this.#afterBlock();
  }

  #codes(): Step {
    for (;;) {
      this.#reader.mark();
      const step = this.#element();
      if (step === 'go') continue;
      if (step === 'end') return this.#afterBlock();
      if (step === 'more') this.#reader.backToMark();
      return step;
    }
  }

  #element(): Step | 'end' {
    const symbol = this.#reader.symbol(this.#lengths);
    if (symbol < 0) return symbol === -1 ? 'more' : 'bad';
    if (symbol < 256) {
      if (!this.#hasRoom(1)) return 'full';
      this.#out[this.#outAt++] = symbol;
      return 'go';
    }
    if (symbol === 256) return 'end';
    if (symbol > 285) return 'bad';
    const moreLength = this.#reader.take(lengthBits[symbol - 257] as number);
    if (moreLength < 0) return 'more';
    const length = (lengthBase[symbol - 257] as number) + moreLength;
    const code = this.#reader.symbol(this.#distances);
    if (code < 0) return code === -1 ? 'more' : 'bad';
    if (code > 29) return 'bad';
    const moreDistance = this.#reader.take(distanceBits[code] as number);
    if (moreDistance < 0) return 'more';
    const distance = (distanceBase[code] as number) + moreDistance;
    if (distance > this.#outAt) return 'bad';
    if (!this.#hasRoom(length)) return 'full';
    const out = this.#out;
    let to = this.#outAt;
    for (let from = to - distance, end = to + length; to < end; ) out[to++] = out[from++] as number;
    this.#outAt = to;
    return 'go';
  }

  #afterBlock(): Step {
    return this.#to(this.#isLastBlock ? 'end' : 'block');
  }

  #end(): Step {
    this.#reader.align();
    const bytes = this.#frame === 'gzip' ? 8 : this.#frame === 'zlib' ? 4 : 0;
    if (this.#reader.rest().length < bytes) return 'more';
    this.#reader.skip(bytes);
    return this.#to('padding');
  }

  /** Behind it: another member of gzip, with zeros before it or not. Whatever else it is, some origin may read it. */
  #padding(): Step {
    const rest = this.#reader.rest();
    const next = rest.findIndex((byte) => byte !== 0);
    this.#reader.skip(next < 0 ? rest.length : next);
    if (next < 0) return 'more';
    return this.#frame === 'gzip' ? this.#to('head') : 'bad';
  }

  #to(state: State): Step {
    this.#state = state;
    return 'go';
  }

  #hasRoom(bytes: number): boolean {
    const needed = this.#outAt + bytes;
    if (needed > this.#outMax) return false;
    if (needed <= this.#out.length) return true;
    const out = new Uint8Array(Math.min(this.#outMax, Math.max(needed, this.#out.length * 2)));
    out.set(this.#out.subarray(0, this.#outAt));
    this.#out = out;
    return true;
  }
}

/** 0: not all of it is there; -1: none. */
function gzipHeadLength(input: Uint8Array): number {
  const head = input.subarray(0, gzipHeadBytesMax);
  const magic = [0x1f, 0x8b, 8];
  for (let i = 0; i < 3 && i < head.length; i++) if (head[i] !== magic[i]) return -1;
  if (head.length < 10) return 0;
  const flags = head[3] as number;
  if ((flags & 0xe0) !== 0) return -1;
  let at = 10;
  if ((flags & 4) !== 0) {
    if (head.length < at + 2) return 0;
    at += 2 + (head[at] as number) + ((head[at + 1] as number) << 8);
  }
  // A name, a comment: to the next zero.
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const end = head.indexOf(0, at);
    if (end < 0) return 0;
    at = end + 1;
  }
  if ((flags & 2) !== 0) at += 2;
  return at <= head.length ? at : 0;
}

const codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const lengthBits = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
];
const distanceBits = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12289, 16385, 24577,
];

const fixedLengths = prefixCodeOf(
  Uint8Array.from({ length: 288 }, (_, symbol) =>
    symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
  ),
  false,
) as PrefixCode;
const fixedDistances = prefixCodeOf(new Uint8Array(32).fill(5), false) as PrefixCode;
