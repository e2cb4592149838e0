/** Brotli in pieces, beside Node's own on whole bodies. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brotliCompressSync, brotliDecompressSync, constants, crc32 } from 'node:zlib';
import { wordOf } from '#core/brotli-words.ts';
import { Unbrotli } from '#core/unbrotli.ts';
import { randomOf } from '../support/random.ts';

const megabyte = 1_048_576;
type Sizes = () => number;

/** In pieces of random sizes; what came of it, or the first word in its place. */
function decode(bytes: Buffer, sizeOf: Sizes, bytesMax = 64 * megabyte, decoder = new Unbrotli()) {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const to = Math.min(bytes.length, at + sizeOf());
    const part = decoder.push(bytes.subarray(at, to), bytesMax);
    if (typeof part === 'string') {
      decoder.close();
      return { word: part, isWhole: false, bytes: null };
    }
    parts.push(part);
    at = to;
  }
  const isWhole = decoder.isWhole;
  decoder.close();
  return { word: null, isWhole, bytes: Buffer.concat(parts) };
}

function encode(content: Buffer, quality: number, windowBits = 22, mode = 0): Buffer {
  return brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_MODE]: mode,
    },
  });
}

const sentences = [
  'The history of the world is a list of the things that people did not want to know. ',
  '<div class="item" id="12"><a href="https://www.example.com/page">Read more</a></div>\n',
  'garden=chairs&colour=%23ff0000&description=with+a+little+light&submit=Search&',
  'Der Stuhl steht im Garten; für später möchte ich größere Tische. ',
  '{"name":"value","items":[1,2,3],"enabled":true,"function":null} ',
  '庭の椅子とテーブルは新しい。Стул стоит в саду, и стол тоже. 🪑🌳 ',
];

/** Text of several kinds, noise, and long runs. */
function contentOf(random: () => number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < 1 + random() * 6; i++) {
    const length = Math.floor(random() ** 3 * 20_000);
    const kind = Math.floor(random() * 4);
    if (kind === 0) parts.push(Buffer.alloc(length, Math.floor(random() * 256)));
    else if (kind === 1) parts.push(Buffer.from(Array.from({ length }, () => random() * 256)));
    else {
      const words = sentences.join('').split(' ');
      const text = Array.from({ length: length / 8 }, () =>
        kind === 2
          ? sentences[Math.floor(random() * sentences.length)]
          : words[Math.floor(random() * words.length)],
      );
      parts.push(Buffer.from(text.join(' ')).subarray(0, length));
    }
  }
  return Buffer.concat(parts);
}

describe('a decoder of brotli', () => {
  it('gives what was encoded, in whatever pieces it comes', () => {
    const seed = Date.now() % 1_000_000;
    const random = randomOf(seed);
    for (let round = 0; round < 96; round++) {
      const content = contentOf(random);
      const windowBits = 10 + Math.floor(random() * 15);
      const coded = encode(content, round % 12, windowBits, Math.floor(random() * 3));
      const largest = [3, 40, 2_000, 100_000][Math.floor(random() * 4)] as number;
      const found = decode(coded, () => 1 + Math.floor(random() * largest));
      assert.ok(
        found.isWhole && found.bytes?.equals(content),
        `seed ${seed}, round ${round}, window of ${windowBits} bits: ${found.word}`,
      );
    }
  });

  it('knows the words of the standard, by their checksum', () => {
    const all: Uint8Array[] = [];
    for (let length = 4; length <= 24; length++)
      for (let id = 0; id < 1 << wordBits(length); id++) all.push(wordOf(length, id) ?? noBytes);
    assert.equal(crc32(Buffer.concat(all)).toString(16), '5136cb04');
    assert.equal(wordOf(3, 0), null);
    assert.equal(wordOf(25, 0), null);
    assert.equal(wordOf(4, 121 << 10), null);
  });

  it('changes words as Node does', () => {
    const random = randomOf(11);
    let checked = 0;
    for (let length = 4; length <= 24; length++)
      for (let change = 0; change < 121; change++) {
        const index = Math.floor(random() * (1 << wordBits(length)));
        const id = (change << wordBits(length)) | index;
        const word = wordOf(length, id) as Uint8Array;
        // A meta-block holds one byte at least.
        if (word.length === 0) continue;
        const stream = streamOfWord(length, id, word.length);
        assert.deepEqual(brotliDecompressSync(stream), Buffer.from(word), `${length}, ${change}`);
        assert.deepEqual(decode(stream, () => 7).bytes, Buffer.from(word), `${length}, ${change}`);
        checked++;
      }
    assert.ok(checked > 2_000);
  });

  it('gives no more than it is asked for in one piece', () => {
    const bomb = encode(Buffer.alloc(32 * megabyte), 5);
    assert.equal(decode(bomb, () => bomb.length, megabyte).word, 'too-long');
    const exact = encode(Buffer.alloc(megabyte, 'a'), 5);
    assert.equal(decode(exact, () => exact.length, megabyte).bytes?.length, megabyte);
    assert.equal(decode(exact, () => exact.length, megabyte - 1).word, 'too-long');
  });

  it('knows that something is missing', () => {
    const coded = encode(contentOf(randomOf(7)), 9);
    for (const length of [0, 1, 2, 9, 40, coded.length - 9, coded.length - 1]) {
      const found = decode(coded.subarray(0, length), () => 64);
      assert.deepEqual([found.word, found.isWhole], [null, false], String(length));
    }
  });

  const bad: readonly (readonly [string, Buffer])[] = [
    ['a window that is too large', Buffer.from([0x11, 0x3f])],
    ['other bytes behind the end', Buffer.concat([encode(Buffer.from('a'), 5), Buffer.from('b')])],
    ['bits between the end and its byte', Buffer.from([0b1000_0110])],
    ['a meta-block with a reserved bit', Buffer.from([0b0000_1100 | 0b0001_0000])],
    ['a word that there is not', streamOfWord(4, 121 << 10, 4)],
    ['a copy of more than there is to come', streamOfWord(20, 0, 19)],
    ['no brotli', Buffer.alloc(40, 0xff)],
  ];
  for (const [what, bytes] of bad)
    it(`does not read ${what}`, () => {
      for (const size of [1, 4_000]) assert.equal(decode(bytes, () => size).word, 'unreadable');
    });

  it('passes over zeros behind the end', () => {
    const coded = Buffer.concat([encode(Buffer.from('hello'), 5), Buffer.alloc(30)]);
    for (const size of [1, 100]) {
      const found = decode(coded, () => size);
      assert.deepEqual([found.bytes?.toString(), found.isWhole], ['hello', true]);
    }
  });

  it('says of damaged bytes what Node says, and never fails in another way', () => {
    const seed = Date.now() % 1_000_000;
    const random = randomOf(seed);
    for (let round = 0; round < 600; round++) {
      const content = Buffer.concat([contentOf(random).subarray(0, 3_000), Buffer.from('the end')]);
      const damaged = encode(content, round % 12, 16);
      for (let i = 0; i < 1 + random() * 3; i++)
        damaged[Math.floor(random() ** 2 * damaged.length)] = random() * 256;
      const found = decode(damaged, () => 1 + Math.floor(random() * 3_000), 8 * megabyte);
      let expected: Buffer | null = null;
      try {
        expected = brotliDecompressSync(damaged, { maxOutputLength: 8 * megabyte });
      } catch (error) {
        // Of what is longer in all nothing is to be said here: ours is bounded piece by piece.
        if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') continue;
      }
      const where = `seed ${seed}, round ${round}: ${found.word}`;
      if (expected === null) assert.ok(!found.isWhole, where);
      else if (found.isWhole) assert.ok(found.bytes?.equals(expected), where);
      // Node leaves out what stands behind the end.
      else assert.equal(found.word, 'unreadable', where);
    }
  });

  it('keeps a bounded part of the window, and all of them together keep no more than their bound', () => {
    const random = randomOf(3);
    const noiseOf = (length: number) => Buffer.from(Array.from({ length }, () => random() * 256));
    const noise = noiseOf(40_000);
    const between = Array.from({ length: 80 }, (_, i) => [noiseOf(90), Buffer.alloc(65_536, i)]);
    const farBack = encode(Buffer.concat([noise, ...between.flat(), noise]), 9, 24);
    assert.ok(farBack.length < 70_000, 'the encoder has found the noise again');
    const budget = { usedBytes: 0, bytesMax: 6 * megabyte };
    const found = decode(farBack, () => 60, 64 * megabyte, new Unbrotli(budget));
    assert.equal(found.word, 'too-long', 'a copy from further back than is kept');
    assert.equal(budget.usedBytes, 0, 'what it had kept is given back');
    const long = encode(Buffer.alloc(4 * megabyte, 'a'), 5);
    const first = new Unbrotli(budget);
    assert.ok(typeof first.push(long, 64 * megabyte) !== 'string');
    assert.equal(budget.usedBytes, 4 * megabyte);
    assert.equal(
      decode(long, () => long.length, 64 * megabyte, new Unbrotli(budget)).word,
      'too-long',
    );
    first.close();
    assert.equal(budget.usedBytes, 0);
    assert.ok(decode(long, () => long.length, 64 * megabyte, new Unbrotli(budget)).isWhole);
  });
});

const noBytes = new Uint8Array(0);

function wordBits(length: number): number {
  return [10, 10, 11, 11, 10, 10, 10, 10, 10, 9, 9, 8, 7, 7, 8, 7, 7, 6, 6, 5, 5][
    length - 4
  ] as number;
}

/** A stream that is one word: a meta-block of so many bytes with one command. */
function streamOfWord(length: number, id: number, bytes: number): Buffer {
  const bits: number[] = [];
  const put = (value: number, count: number): void => {
    for (let i = 0; i < count; i++) bits.push((value >> i) & 1);
  };
  put(0, 1); // a window of 16 bits
  put(1, 2); // the last meta-block, and it is not empty
  put(0, 2);
  put(bytes - 1, 16);
  put(0, 3 + 6 + 2 + 2); // one type of each, no short distances, one code of each
  const base = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 18, 22];
  const copy = base.findLastIndex((from) => from <= length);
  let extra = 1;
  let half = 0;
  // Nothing stands before the word, so the first one is one byte back.
  while (id >= ((3 + half) << extra) - 4) [extra, half] = half === 0 ? [extra, 1] : [extra + 1, 0];
  const simple = (symbol: number, count: number): void => {
    put(1, 2);
    put(0, 2);
    put(symbol, count);
  };
  simple(0, 8);
  simple(copy < 8 ? 128 + copy : 192 + copy - 8, 10);
  simple(16 + (extra - 1) * 2 + half, 6);
  put(length - (base[copy] as number), [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3][copy] as number);
  put(id - (((2 + half) << extra) - 4), extra);
  const stream = Buffer.alloc(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries())
    stream[i >> 3] = (stream[i >> 3] as number) | (bit << (i & 7));
  return stream;
}
