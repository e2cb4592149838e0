/** DEFLATE in pieces, beside Node's own on whole bodies. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constants, deflateRawSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { type Frame, type Inflated, Inflater } from '#core/inflater.ts';
import { randomOf } from '../support/random.ts';

const megabyte = 1_048_576;
const encoders = { gzip: gzipSync, zlib: deflateSync, raw: deflateRawSync } as const;

/** In pieces of random sizes; what came of it, or the first word in its place. */
function inflate(frame: Frame, bytes: Buffer, sizeOf: () => number, bytesMax = 64 * megabyte) {
  const inflater = new Inflater(frame);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const to = Math.min(bytes.length, at + sizeOf());
    const part: Inflated = inflater.push(bytes.subarray(at, to), bytesMax);
    if (typeof part === 'string') return { word: part, isWhole: false, bytes: null };
    parts.push(part);
    at = to;
  }
  return { word: null, isWhole: inflater.isWhole, bytes: Buffer.concat(parts) };
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

describe('an inflater', () => {
  it('gives what was deflated, in whatever pieces it comes', () => {
    const seed = Date.now() % 1_000_000;
    const random = randomOf(seed);
    for (let round = 0; round < 90; round++) {
      const content = contentOf(random);
      const frame = (['gzip', 'zlib', 'raw'] as const)[round % 3] as Frame;
      const level = Math.floor(random() * 10);
      const strategy = [0, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE][
        Math.floor(random() * 4)
      ] as number;
      const coded = encoders[frame](content, { level, strategy });
      const largest = [3, 40, 2_000, 100_000][round % 4] as number;
      const found = inflate(frame, coded, () => 1 + Math.floor(random() * largest));
      assert.ok(
        found.isWhole && found.bytes?.equals(content),
        `seed ${seed}, round ${round}, ${frame}, level ${level}, strategy ${strategy}: ${found.word}`,
      );
    }
  });

  it('goes on behind the end of a gzip member, and over zeros between two', () => {
    const [one, two] = [gzipSync('q=garden'), gzipSync('&q=attack')];
    for (const padding of [0, 1, 700])
      for (const size of [1, 9, 4_000]) {
        const coded = Buffer.concat([one, Buffer.alloc(padding), two, Buffer.alloc(padding)]);
        const found = inflate('gzip', coded, () => size);
        assert.deepEqual([found.bytes?.toString(), found.isWhole], ['q=garden&q=attack', true]);
      }
  });

  it('reads a gzip head with all its fields', () => {
    const plain = gzipSync('hello');
    const head = Buffer.from(plain.subarray(0, 10));
    head[3] = 2 | 4 | 8 | 16;
    const fields = Buffer.from('\x05\x00extraname\0a comment\0\x00\x00', 'latin1');
    const coded = Buffer.concat([head, fields, plain.subarray(10)]);
    for (const size of [1, 5, 100])
      assert.equal(inflate('gzip', coded, () => size).bytes?.toString(), 'hello');
  });

  it('gives no more than it is asked for in one piece', () => {
    const bomb = gzipSync(Buffer.alloc(32 * megabyte));
    assert.equal(inflate('gzip', bomb, () => bomb.length, megabyte).word, 'too-long');
    const exact = gzipSync(Buffer.alloc(megabyte, 'a'));
    assert.equal(inflate('gzip', exact, () => exact.length, megabyte).bytes?.length, megabyte);
    assert.equal(inflate('gzip', exact, () => exact.length, megabyte - 1).word, 'too-long');
  });

  it('knows that something is missing', () => {
    const coded = gzipSync(contentOf(randomOf(7)));
    for (const length of [0, 1, 9, 11, 40, coded.length - 9, coded.length - 1]) {
      const found = inflate('gzip', coded.subarray(0, length), () => 64);
      assert.deepEqual([found.word, found.isWhole], [null, false], String(length));
    }
  });

  const bad: readonly (readonly [string, Frame, Buffer])[] = [
    ['no gzip', 'gzip', Buffer.from('plain text')],
    ['gzip and other bytes behind it', 'gzip', Buffer.concat([gzipSync('a'), Buffer.from('b')])],
    ['a head without end', 'gzip', Buffer.concat([gzipHead(8), Buffer.alloc(8_000, 'a')])],
    ['another method', 'zlib', Buffer.from([0x77, 0x01])],
    ['a dictionary that is not there', 'zlib', Buffer.from([0x78, 0x20 + 27])],
    ['a block of no kind', 'raw', Buffer.from([7])],
    ['a stored block with a wrong length', 'raw', Buffer.from([1, 5, 0, 0, 0])],
    ['a distance before the beginning', 'raw', Buffer.from([0x03, 0x02])],
  ];
  for (const [what, frame, bytes] of bad)
    it(`does not read ${what}`, () => {
      for (const size of [1, 4_000])
        assert.equal(inflate(frame, bytes, () => size).word, 'unreadable');
    });

  it('says of damaged bytes what Node says, and never fails in another way', () => {
    const seed = Date.now() % 1_000_000;
    const random = randomOf(seed);
    const coded = gzipSync(Buffer.concat([contentOf(random), Buffer.from('and an end')]));
    for (let round = 0; round < 200; round++) {
      const damaged = Buffer.from(coded);
      for (let i = 0; i < 1 + random() * 3; i++)
        damaged[10 + Math.floor(random() ** 2 * (damaged.length - 18))] = random() * 256;
      const found = inflate('gzip', damaged, () => 1 + Math.floor(random() * 3_000));
      let expected: Buffer | null = null;
      try {
        expected = gunzipSync(damaged);
      } catch {
        // Wrong in itself, or by its checksum alone, which is not looked at here.
      }
      if (expected !== null)
        assert.ok(found.bytes?.equals(expected), `seed ${seed}, round ${round}`);
    }
  });
});

function gzipHead(flags: number): Buffer {
  return Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3]);
}
