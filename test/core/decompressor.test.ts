/** Coded bytes in pieces, beside what Node makes of whole ones. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { type Compression, type Decompressed, Decompressor } from '#core/decompressor.ts';
import { randomOf } from '../support/random.ts';

const megabyte = 1_048_576;
type Encode = (content: Buffer, level: number, strategy: number) => Buffer;
const encoders: Readonly<Record<Compression, Encode>> = {
  gzip: (content, level, strategy) => gzipSync(content, { level, strategy }),
  zlib: (content, level, strategy) => deflateSync(content, { level, strategy }),
  deflate: (content, level, strategy) => deflateRawSync(content, { level, strategy }),
  br: (content, level) =>
    brotliCompressSync(content, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: level,
        [constants.BROTLI_PARAM_LGWIN]: 10 + level,
      },
    }),
  zstd: (content, level) =>
    zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: level } }),
};
const compressions = Object.keys(encoders) as Compression[];

/** In pieces of random sizes; what came of it, or the first word in its place. */
function undo(
  compression: Compression,
  bytes: Buffer,
  sizeOf: () => number,
  bytesMax = 64 * megabyte,
) {
  const decompressor = new Decompressor(compression);
  const parts: Buffer[] = [];
  try {
    for (let at = 0; at < bytes.length; ) {
      const to = Math.min(bytes.length, at + sizeOf());
      const part: Decompressed = decompressor.push(bytes.subarray(at, to), bytesMax);
      if (typeof part === 'string') return { word: part, isWhole: false, bytes: null };
      parts.push(part);
      at = to;
    }
    return { word: null, isWhole: decompressor.isWhole(), bytes: Buffer.concat(parts) };
  } finally {
    decompressor.close();
  }
}

/** Text that repeats itself, noise, and long runs. */
function contentOf(random: () => number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < 1 + random() * 6; i++) {
    const length = Math.floor(random() ** 3 * 60_000);
    const kind = Math.floor(random() * 3);
    if (kind === 0) parts.push(Buffer.alloc(length, Math.floor(random() * 256)));
    else if (kind === 1) parts.push(Buffer.from(Array.from({ length }, () => random() * 256)));
    else parts.push(Buffer.from('a chair, a table and a lamp; '.repeat(length / 29 + 1)));
  }
  return Buffer.concat(parts);
}

describe('a decompressor', () => {
  it('gives what was compressed, in whatever pieces it comes', () => {
    const seed = Date.now() % 1_000_000;
    const random = randomOf(seed);
    for (let round = 0; round < 100; round++) {
      const content = contentOf(random);
      const compression = compressions[round % compressions.length] as Compression;
      const level = Math.floor(random() * 10);
      const strategy = [0, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE][
        Math.floor(random() * 4)
      ] as number;
      const coded = encoders[compression](content, level, strategy);
      const largest = [3, 40, 2_000, 100_000][round % 4] as number;
      const found = undo(compression, coded, () => 1 + Math.floor(random() * largest));
      assert.ok(
        found.isWhole && found.bytes?.equals(content),
        `seed ${seed}, round ${round}, ${compression}, level ${level}, strategy ${strategy}: ${found.word}`,
      );
    }
  });

  it('goes on behind the end of a gzip member, and over zeros between two', () => {
    const [one, two] = [gzipSync('q=garden'), gzipSync('&q=attack')];
    for (const padding of [0, 1, 700])
      for (const size of [1, 9, 4_000]) {
        const coded = Buffer.concat([one, Buffer.alloc(padding), two, Buffer.alloc(padding)]);
        const found = undo('gzip', coded, () => size);
        assert.deepEqual([found.bytes?.toString(), found.isWhole], ['q=garden&q=attack', true]);
      }
  });

  it('goes on behind the end of a frame of zstd', () => {
    const coded = Buffer.concat([zstdCompressSync('q=garden'), zstdCompressSync('&q=attack')]);
    for (const size of [1, 9, 4_000])
      assert.equal(undo('zstd', coded, () => size).bytes?.toString(), 'q=garden&q=attack');
  });

  for (const compression of compressions) {
    const coded = (content: Buffer) => encoders[compression](content, 6, 0);

    it(`gives no more than it is asked for in one piece, ${compression}`, () => {
      const all = (bytes: Buffer, bytesMax: number) =>
        undo(compression, bytes, () => bytes.length, bytesMax);
      assert.equal(all(coded(Buffer.alloc(32 * megabyte)), megabyte).word, 'too-long');
      const exact = coded(Buffer.alloc(megabyte, 'a'));
      assert.equal(all(exact, megabyte).bytes?.length, megabyte);
      assert.equal(all(exact, megabyte - 1).word, 'too-long');
    });

    it(`gives the first of it where no more is wanted, ${compression}`, () => {
      const content = contentOf(randomOf(5));
      const decompressor = new Decompressor(compression);
      const found = decompressor.pushLast(coded(content), 1_000);
      decompressor.close();
      assert.deepEqual(found, content.subarray(0, 1_000));
    });

    it(`knows that something is missing, ${compression}`, () => {
      const whole = coded(contentOf(randomOf(7)));
      for (const length of [0, 1, 9, 11, 40, whole.length - 9, whole.length - 1]) {
        const found = undo(compression, whole.subarray(0, length), () => 64);
        assert.deepEqual([found.word, found.isWhole], [null, false], String(length));
      }
    });

    it(`takes zeros behind the end, and nothing else, ${compression}`, () => {
      const whole = coded(Buffer.from('q=garden'));
      const beside = (bytes: string) => Buffer.concat([whole, Buffer.from(bytes)]);
      for (const size of [1, 4_000]) {
        assert.ok(undo(compression, beside('\0\0\0'), () => size).isWhole);
        for (const bytes of ['b', 'behind it', '\0\0b'])
          assert.equal(undo(compression, beside(bytes), () => size).isWhole, false, bytes);
      }
    });
  }

  const bad: readonly (readonly [string, Compression, Buffer])[] = [
    ['no gzip', 'gzip', Buffer.from('plain text')],
    ['another method', 'zlib', Buffer.from([0x77, 0x01])],
    ['a dictionary that is not there', 'zlib', Buffer.from([0x78, 0x20 + 27, 0, 0, 0, 1])],
    ['a block of no kind', 'deflate', Buffer.from([7])],
    ['a stored block with a wrong length', 'deflate', Buffer.from([1, 5, 0, 0, 0])],
    ['a distance before the beginning', 'deflate', Buffer.from([0x03, 0x02])],
    ['no brotli', 'br', Buffer.from('plain text, and more of it')],
    ['a window of brotli larger than 16 MB', 'br', Buffer.from([0x11, 0x19, 0, 0])],
    ['no zstd', 'zstd', Buffer.from('plain text')],
    [
      'a window of zstd larger than 8 MB',
      'zstd',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x70, 1, 0, 0]),
    ],
  ];
  for (const [what, compression, bytes] of bad)
    it(`does not read ${what}`, () => {
      for (const size of [1, 4_000])
        assert.equal(undo(compression, bytes, () => size).word, 'unreadable');
    });

  it('says of damaged bytes what Node says, and never fails in another way', () => {
    const seed = Date.now() % 1_000_000;
    const random = randomOf(seed);
    const coded = gzipSync(Buffer.concat([contentOf(random), Buffer.from('and an end')]));
    for (let round = 0; round < 200; round++) {
      const damaged = Buffer.from(coded);
      for (let i = 0; i < 1 + random() * 3; i++)
        damaged[10 + Math.floor(random() ** 2 * (damaged.length - 18))] = random() * 256;
      const found = undo('gzip', damaged, () => 1 + Math.floor(random() * 3_000));
      let expected: Buffer | null = null;
      try {
        expected = gunzipSync(damaged);
      } catch {}
      assert.deepEqual(
        found.isWhole ? found.bytes : null,
        expected,
        `seed ${seed}, round ${round}`,
      );
    }
  });
});
