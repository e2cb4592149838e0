/**
 * The words that brotli's streams refer to without holding them (RFC 7932, section 8): 13,504 words of 4 to 24 bytes, and
 * the 121 ways to change one.
 *
 * Node knows the words, so they are not here a second time: at first use it decodes a stream that refers to each of them
 * in turn. What it says is checked by its length here, by the checksum of the standard in the test.
 */
import { brotliDecompressSync } from 'node:zlib';
import { type WordChange, wordChanges } from './brotli-changes.ts';

/** Of the words of each length, how many there are, as a power of two. */
const indexBits = [
  0, 0, 0, 0, 10, 10, 11, 11, 10, 10, 10, 10, 10, 9, 9, 8, 7, 7, 8, 7, 7, 6, 6, 5, 5,
] as const;
const wordBytesMin = 4;
const wordBytesMax = 24;
const wordsBytes = 122_784;

let words: Buffer | null = null;

/** The word that a copy of so many bytes gets from that far behind what can be copied; null where there is none. */
export function wordOf(length: number, id: number): Uint8Array | null {
  if (length < wordBytesMin || length > wordBytesMax) return null;
  const bits = indexBits[length] as number;
  const change = wordChanges[id >> bits];
  if (change === undefined) return null;
  words ??= knownWords();
  let at = (id & ((1 << bits) - 1)) * length;
  for (let shorter = wordBytesMin; shorter < length; shorter++)
    at += shorter << (indexBits[shorter] as number);
  return changed(words.subarray(at, at + length), change);
}

function changed(word: Uint8Array, [before, kind, behind]: WordChange): Uint8Array {
  const cut = Number(kind.replace('-', '')) || 0;
  const kept = Buffer.from(
    kind.startsWith('-')
      ? word.subarray(0, Math.max(0, word.length - cut))
      : word.subarray(Math.min(cut, word.length)),
  );
  if (kind === 'A') raise(kept, 0);
  if (kind === 'AA') for (let at = 0; at < kept.length; ) at += raise(kept, at);
  return Buffer.concat([Buffer.from(before), kept, Buffer.from(behind)]);
}

/** The character there as a capital, as simply as the standard says; its length. */
function raise(word: Buffer, at: number): number {
  const byte = word[at] as number;
  const length = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : 3;
  const isSmall = byte >= 0x61 && byte <= 0x7a;
  const change = length === 1 ? (isSmall ? 32 : 0) : length === 2 ? 32 : 5;
  const target = at + length - 1;
  if (target < word.length) word[target] = (word[target] as number) ^ change;
  return length;
}

/**
 * Of a window of 1008 bytes that is full, a copy from 1009 + n bytes back is the word n. A meta-block for each length: all
 * commands are the same one, and only the distances differ.
 */
function knownWords(): Buffer {
  const bits = new BitWriter();
  bits.put(1, 1).put(0, 3).put(2, 3); // a window of 1024 - 16 bytes
  const filler = 1_024;
  bits
    .put(0, 1)
    .put(0, 2)
    .put(filler - 1, 16)
    .put(1, 1)
    .align();
  for (let i = 0; i < filler; i++) bits.put(0, 8);
  for (let length = wordBytesMin; length <= wordBytesMax; length++) putWords(bits, length);
  bits.put(3, 2);
  const all = brotliDecompressSync(bits.bytes(), { maxOutputLength: filler + wordsBytes });
  if (all.length !== filler + wordsBytes) throw new Error('brotli has other words');
  return all.subarray(filler);
}

function putWords(bits: BitWriter, length: number): void {
  const count = 1 << (indexBits[length] as number);
  bits
    .put(0, 1)
    .put(0, 2)
    .put(length * count - 1, 16)
    .put(0, 1);
  bits.put(0, 3); // one type of block for literals, commands, distances
  bits.put(0, 6); // no short distances
  bits.put(0, 2).put(0, 2); // one way to see the context; one code for literals, one for distances
  const codeOfCopy = copyBase.findLastIndex((base) => base <= length);
  const command = codeOfCopy < 8 ? 128 + codeOfCopy : 192 + codeOfCopy - 8;
  bits.put(1, 2).put(0, 2).put(0, 8); // literals: none is written
  bits.put(1, 2).put(0, 2).put(command, 10);
  bits.put(1, 2).put(3, 2); // four distances, two bits each
  for (const { symbol } of distances) bits.put(symbol, 6);
  bits.put(0, 1);
  for (let id = 0; id < count; id++) {
    bits.put(length - (copyBase[codeOfCopy] as number), copyBits[codeOfCopy] as number);
    const distance = 1_009 + id;
    const index = distances.findLastIndex(({ from }) => from <= distance);
    const { from, extraBits } = distances[index] as (typeof distances)[number];
    // Codes begin with their highest bit.
    bits.put(((index & 1) << 1) | (index >> 1), 2).put(distance - from, extraBits);
  }
}

const copyBase = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 18, 22];
const copyBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3];
const distances = [
  { symbol: 31, from: 765, extraBits: 8 },
  { symbol: 32, from: 1_021, extraBits: 9 },
  { symbol: 33, from: 1_533, extraBits: 9 },
  { symbol: 34, from: 2_045, extraBits: 10 },
] as const;

class BitWriter {
  readonly #bytes: number[] = [];
  #bits = 0;
  #count = 0;

  put(value: number, count: number): this {
    this.#bits |= value << this.#count;
    this.#count += count;
    for (; this.#count >= 8; this.#count -= 8) {
      this.#bytes.push(this.#bits & 255);
      this.#bits >>>= 8;
    }
    return this;
  }

  align(): this {
    return this.put(0, (8 - this.#count) & 7);
  }

  bytes(): Buffer {
    this.align();
    return Buffer.from(this.#bytes);
  }
}
