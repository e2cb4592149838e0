/**
 * Bits of a coded body as it comes, the first one lowest, as DEFLATE (RFC 1951) and brotli (RFC 7932) have them, and their
 * prefix codes.
 *
 * Bytes come in pieces. Where bits are missing the answer is negative, and the caller goes back to its mark and begins its
 * element again with the next piece, so that no more than an element is held.
 */
export class BitReader {
  #input: Uint8Array = noBytes;
  #at = 0;
  #bits = 0;
  #bitCount = 0;
  #markAt = 0;
  #markBits = 0;
  #markBitCount = 0;

  /** Behind what is left of the pieces before. */
  feed(bytes: Uint8Array): void {
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
  }

  /** What is held is short, and must not hold the piece it came in. Bits that were read ahead may have to go back. */
  keepRest(): void {
    const from = Math.max(0, this.#at - readAheadBytesMax);
    this.#input = Buffer.from(this.#input.subarray(from));
    this.#at -= from;
  }

  mark(): void {
    this.#markAt = this.#at;
    this.#markBits = this.#bits;
    this.#markBitCount = this.#bitCount;
  }

  backToMark(): void {
    this.#at = this.#markAt;
    this.#bits = this.#markBits;
    this.#bitCount = this.#markBitCount;
  }

  /** To the next whole byte: the bits between, 0 as they should be. Whole bytes that were read ahead go back. */
  align(): number {
    const skipped = this.#bits & ((1 << (this.#bitCount & 7)) - 1);
    this.#at -= this.#bitCount >> 3;
    this.#bits = 0;
    this.#bitCount = 0;
    return skipped;
  }

  /** Whole bytes that are there, from a byte's border on. */
  rest(): Uint8Array {
    return this.#input.subarray(this.#at);
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  /** The next bits; -1 where they are not all there. At most 24. */
  take(count: number): number {
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
  symbol({ short, counts, symbols }: PrefixCode): number {
    while (this.#bitCount < codeBitsMax && this.#at < this.#input.length) {
      this.#bits |= (this.#input[this.#at++] as number) << this.#bitCount;
      this.#bitCount += 8;
    }
    const found = short[this.#bits & (short.length - 1)] as number;
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
}

export type PrefixCode = {
  /** By the next bits, a power of two of them: the symbol and, lowest, the length of its code; 0 where it is longer, or none. */
  readonly short: Uint16Array;
  /** How many codes have each length. */
  readonly counts: Uint16Array;
  /** In the order of their codes. */
  readonly symbols: Uint16Array;
};

/** Null where the lengths make no code: more than fit, or fewer where that is not allowed (one code, or none). */
export function prefixCodeOf(lengths: Uint8Array, mayBeShort: boolean): PrefixCode | null {
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
  let longest = shortBits;
  while (longest > 1 && counts[longest] === 0) longest--;
  const hasLonger = counts.subarray(shortBits + 1).some((count) => count !== 0);
  const short = new Uint16Array(1 << (hasLonger ? shortBits : longest));
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
    for (let at = reversed; at < short.length; at += 1 << length)
      short[at] = (symbol << 4) | length;
  }
  return { short, counts, symbols };
}

const noBytes = new Uint8Array(0);
/** Of a mark or of a code's last bits. */
const readAheadBytesMax = 4;
const codeBitsMax = 15;
const shortBits = 9;
