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
export type Inflated = Buffer | 'too-long' | 'unreadable';
export type Frame = 'gzip' | 'zlib' | 'raw';

/** What an element of DEFLATE may point back to. */
const historyBytes = 32_768;
/** Extra fields, name and comment of a gzip member. */
const gzipHeadBytesMax = 4_096;
const firstRoomBytes = 65_536;
const readAheadBytesMax = 4;

type Step = 'go' | 'more' | 'full' | 'bad';
type State = 'head' | 'block' | 'stored' | 'codes' | 'end' | 'padding';

export class Inflater {
  readonly #frame: Frame;
  #state: State = 'head';
  #input: Uint8Array = noBytes;
  #at = 0;
  #bits = 0;
  #bitCount = 0;
  #isLastBlock = false;
  #storedLeft = 0;
  #lengths: Huffman = fixedLengths;
  #distances: Huffman = fixedDistances;
  /** History, and what has come since; `#outAt` is behind it. */
  #out = new Uint8Array(historyBytes);
  #outAt = 0;
  #outMax = 0;

  constructor(frame: Frame) {
    this.#frame = frame;
  }

  /** Nothing is missing at its end. */
  get isWhole(): boolean {
    return this.#state === 'padding' && this.#at === this.#input.length;
  }

  /** What comes of these bytes, at most so many. After a word in place of bytes nothing more is to be given. */
  push(bytes: Uint8Array, bytesMax: number): Inflated {
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
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
    // What is held is short, and must not hold the piece it came in. Bits that were read ahead may have to go back.
    const from = Math.max(0, this.#at - readAheadBytesMax);
    this.#input = Buffer.from(this.#input.subarray(from));
    this.#at -= from;
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
    const { at, bits, bitCount } = { at: this.#at, bits: this.#bits, bitCount: this.#bitCount };
    const step = element();
    if (step === 'more') {
      this.#at = at;
      this.#bits = bits;
      this.#bitCount = bitCount;
    }
    return step;
  }

  #head(): Step {
    if (this.#frame === 'raw') return this.#to('block');
    const input = this.#input;
    const at = this.#at;
    if (this.#frame === 'zlib') {
      if (input.length - at < 2) return 'more';
      const [method = 0, flags = 0] = [input[at], input[at + 1]];
      if ((method & 15) !== 8 || ((method << 8) | flags) % 31 !== 0 || (flags & 32) !== 0)
        return 'bad';
      this.#at += 2;
      return this.#to('block');
    }
    const length = gzipHeadLength(input, at);
    if (length < 0) return 'bad';
    if (length === 0) return input.length - at > gzipHeadBytesMax ? 'bad' : 'more';
    this.#at += length;
    return this.#to('block');
  }

  #block(): Step {
    const head = this.#take(3);
    if (head < 0) return 'more';
    const kind = head >> 1;
    if (kind === 3) return 'bad';
    if (kind === 0) {
      // To the next whole byte.
      const rest = this.#bitCount & 7;
      this.#bits >>>= rest;
      this.#bitCount -= rest;
      const length = this.#take(16);
      const inverse = length < 0 ? -1 : this.#take(16);
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
    const counts = this.#take(14);
    if (counts < 0) return 'more';
    const lengthCount = (counts & 31) + 257;
    const distanceCount = ((counts >> 5) & 31) + 1;
    if (lengthCount > 286 || distanceCount > 30) return 'bad';
    const codeLengths = new Uint8Array(19);
    for (let i = 0; i < (counts >> 10) + 4; i++) {
      const length = this.#take(3);
      if (length < 0) return 'more';
      codeLengths[codeOrder[i] as number] = length;
    }
    const codes = huffmanOf(codeLengths, false);
    if (codes === null) return 'bad';
    const all = new Uint8Array(lengthCount + distanceCount);
    for (let i = 0; i < all.length; ) {
      const symbol = this.#symbol(codes);
      if (symbol < 0) return symbol === -1 ? 'more' : 'bad';
      if (symbol < 16) {
        all[i++] = symbol;
        continue;
      }
      const bits = symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
      const extra = this.#take(bits);
      if (extra < 0) return 'more';
      const times = extra + (symbol === 18 ? 11 : 3);
      if (i + times > all.length || (symbol === 16 && i === 0)) return 'bad';
      all.fill(symbol === 16 ? (all[i - 1] as number) : 0, i, i + times);
      i += times;
    }
    // Without an end a block has none.
    if (all[256] === 0) return 'bad';
    const lengths = huffmanOf(all.subarray(0, lengthCount), true);
    const distances = huffmanOf(all.subarray(lengthCount), true);
    if (lengths === null || distances === null) return 'bad';
    this.#lengths = lengths;
    this.#distances = distances;
    return 'go';
  }

  #stored(): Step {
    // What was read ahead of the bytes is of whole bytes here.
    while (this.#storedLeft > 0 && this.#bitCount >= 8) {
      if (!this.#hasRoom(1)) return 'full';
      this.#out[this.#outAt++] = this.#bits & 255;
      this.#bits >>>= 8;
      this.#bitCount -= 8;
      this.#storedLeft--;
    }
    const length = Math.min(this.#storedLeft, this.#input.length - this.#at);
    if (!this.#hasRoom(length)) return 'full';
    this.#out.set(this.#input.subarray(this.#at, this.#at + length), this.#outAt);
    this.#outAt += length;
    this.#at += length;
    this.#storedLeft -= length;
    return this.#storedLeft > 0 ? 'more' : this.#afterBlock();
  }

  #codes(): Step {
    for (;;) {
      const at = this.#at;
      const bits = this.#bits;
      const bitCount = this.#bitCount;
      const step = this.#element();
      if (step === 'go') continue;
      if (step === 'end') return this.#afterBlock();
      if (step === 'more') {
        this.#at = at;
        this.#bits = bits;
        this.#bitCount = bitCount;
      }
      return step;
    }
  }

  #element(): Step | 'end' {
    const symbol = this.#symbol(this.#lengths);
    if (symbol < 0) return symbol === -1 ? 'more' : 'bad';
    if (symbol < 256) {
      if (!this.#hasRoom(1)) return 'full';
      this.#out[this.#outAt++] = symbol;
      return 'go';
    }
    if (symbol === 256) return 'end';
    if (symbol > 285) return 'bad';
    const moreLength = this.#take(lengthBits[symbol - 257] as number);
    if (moreLength < 0) return 'more';
    const length = (lengthBase[symbol - 257] as number) + moreLength;
    const code = this.#symbol(this.#distances);
    if (code < 0) return code === -1 ? 'more' : 'bad';
    if (code > 29) return 'bad';
    const moreDistance = this.#take(distanceBits[code] as number);
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
    // Whole bytes that were read ahead go back.
    this.#at -= this.#bitCount >> 3;
    this.#bits = 0;
    this.#bitCount = 0;
    const bytes = this.#frame === 'gzip' ? 8 : this.#frame === 'zlib' ? 4 : 0;
    if (this.#input.length - this.#at < bytes) return 'more';
    this.#at += bytes;
    return this.#to('padding');
  }

  /** Behind it: another member of gzip, with zeros before it or not. Whatever else it is, some origin may read it. */
  #padding(): Step {
    while (this.#at < this.#input.length && this.#input[this.#at] === 0) this.#at++;
    if (this.#at === this.#input.length) return 'more';
    return this.#frame === 'gzip' ? this.#to('head') : 'bad';
  }

  #to(state: State): Step {
    this.#state = state;
    return 'go';
  }

  /** The next bits, the first one lowest; -1 where they are not all there. At most 16. */
  #take(count: number): number {
    while (this.#bitCount < count) {
      if (this.#at === this.#input.length) return -1;
      this.#bits |= (this.#input[this.#at++] as number) << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  /** -1 where bits are missing, -2 where there is no such code. */
  #symbol({ short, counts, symbols }: Huffman): number {
    while (this.#bitCount < codeBitsMax && this.#at < this.#input.length) {
      this.#bits |= (this.#input[this.#at++] as number) << this.#bitCount;
      this.#bitCount += 8;
    }
    const found = short[this.#bits & (shortCodes - 1)] as number;
    if (found !== 0) {
      const length = found & 15;
      if (length > this.#bitCount) return -1;
      this.#bits >>>= length;
      this.#bitCount -= length;
      return found >> 4;
    }
    // Longer codes, a bit at a time: of each length those that are left begin where the shorter ones end.
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= codeBitsMax; length++) {
      if (length > this.#bitCount) return -1;
      code |= (this.#bits >>> (length - 1)) & 1;
      const count = counts[length] as number;
      if (code - count < first) {
        this.#bits >>>= length;
        this.#bitCount -= length;
        return symbols[index + (code - first)] as number;
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return -2;
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

const noBytes = new Uint8Array(0);

/** 0: not all of it is there; -1: none. */
function gzipHeadLength(input: Uint8Array, start: number): number {
  const head = input.subarray(start, start + gzipHeadBytesMax);
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

type Huffman = {
  /** By the next bits: the symbol and, lowest, the length of its code; 0 where the code is longer, or none. */
  readonly short: Uint16Array;
  /** How many codes have each length. */
  readonly counts: Uint16Array;
  /** In the order of their codes. */
  readonly symbols: Uint16Array;
};

const codeBitsMax = 15;
const shortBits = 9;
const shortCodes = 1 << shortBits;

/** Null where the lengths make no code: more than fit, or fewer where that is not allowed (one code, or none). */
function huffmanOf(lengths: Uint8Array, mayBeShort: boolean): Huffman | null {
  const counts = new Uint16Array(codeBitsMax + 1);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  const used = lengths.length - (counts[0] as number);
  counts[0] = 0;
  let left = 1;
  for (let length = 1; length <= codeBitsMax; length++) {
    left = (left << 1) - (counts[length] as number);
    if (left < 0) return null;
  }
  if (left > 0 && !(mayBeShort && (used === 0 || (used === 1 && counts[1] === 1)))) return null;
  const offsets = new Uint16Array(codeBitsMax + 2);
  const codes = new Uint16Array(codeBitsMax + 2);
  for (let length = 1; length <= codeBitsMax; length++) {
    offsets[length + 1] = (offsets[length] as number) + (counts[length] as number);
    codes[length + 1] = ((codes[length] as number) + (counts[length] as number)) << 1;
  }
  const symbols = new Uint16Array(used);
  const short = new Uint16Array(shortCodes);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol] as number;
    if (length === 0) continue;
    symbols[offsets[length] as number] = symbol;
    offsets[length] = (offsets[length] as number) + 1;
    const code = codes[length] as number;
    codes[length] = code + 1;
    if (length > shortBits) continue;
    let reversed = 0;
    for (let bit = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit);
    for (let at = reversed; at < shortCodes; at += 1 << length) short[at] = (symbol << 4) | length;
  }
  return { short, counts, symbols };
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

const fixedLengths = huffmanOf(
  Uint8Array.from({ length: 288 }, (_, symbol) =>
    symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
  ),
  false,
) as Huffman;
const fixedDistances = huffmanOf(new Uint8Array(32).fill(5), false) as Huffman;
