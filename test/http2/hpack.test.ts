/** HPACK against the examples of RFC 7541 appendix C, against itself, and against hostile blocks. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FieldList } from '#proxy/http2/field-list.ts';
import { HpackDecoder } from '#proxy/http2/hpack-decoder.ts';
import { HpackEncoder } from '#proxy/http2/hpack-encoder.ts';
import {
  decodeHuffman,
  encodeHuffman,
  huffmanInvalid,
  huffmanLength,
  huffmanTooLong,
} from '#proxy/http2/huffman.ts';
import { decodeBlock, encodeFields, hex } from '../support/hpack.ts';
import { propertySettings } from '../support/property.ts';

const cacheControl: [string, string] = ['cache-control', 'no-cache'];
const request = (scheme: string, path: string): [string, string][] => [
  [':method', 'GET'],
  [':scheme', scheme],
  [':path', path],
  [':authority', 'www.example.com'],
];
const requests = [
  request('http', '/'),
  [...request('http', '/'), cacheControl],
  [...request('https', '/index.html'), ['custom-key', 'custom-value']],
];
const response = (status: string, second: string): [string, string][] => [
  [':status', status],
  ['cache-control', 'private'],
  ['date', `Mon, 21 Oct 2013 20:13:${second} GMT`],
  ['location', 'https://www.example.com'],
];
const responses = [
  response('302', '21'),
  response('307', '21'),
  [
    ...response('200', '22'),
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ],
];
/** Table of 256 bytes, as the examples of C.5 and C.6 have it: entries are evicted. */
const smallTable = '3fe101';

const sequences: { title: string; blocks: string[]; fields: unknown }[] = [
  {
    title: 'C.2.1 literal with indexing',
    blocks: ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'],
    fields: [[['custom-key', 'custom-header']]],
  },
  {
    title: 'C.2.2 literal without indexing',
    blocks: ['040c 2f73 616d 706c 652f 7061 7468'],
    fields: [[[':path', '/sample/path']]],
  },
  {
    title: 'C.2.3 literal never indexed',
    blocks: ['1008 7061 7373 776f 7264 0673 6563 7265 74'],
    fields: [[['password', 'secret']]],
  },
  { title: 'C.2.4 indexed', blocks: ['82'], fields: [[[':method', 'GET']]] },
  {
    title: 'C.3 requests without Huffman code',
    blocks: [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    fields: requests,
  },
  {
    title: 'C.4 requests with Huffman code',
    blocks: [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
    fields: requests,
  },
  {
    title: 'C.5 responses without Huffman code',
    blocks: [
      `${smallTable} 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
       2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a
       6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d
       6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
    ],
    fields: responses,
  },
  {
    title: 'C.6 responses with Huffman code',
    blocks: [
      `${smallTable} 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
       2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d
       d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106
       3d50 07`,
    ],
    fields: responses,
  },
];

describe('field blocks of RFC 7541 appendix C', () => {
  for (const { title, blocks, fields } of sequences) {
    it(title, () => {
      const decoder = new HpackDecoder();
      assert.deepEqual(
        blocks.map((block) => decodeBlock(decoder, hex(block))),
        fields,
      );
    });
  }
});

describe('blocks that are wrong', () => {
  const cases: [why: string, block: string][] = [
    ['index 0', '80'],
    ['an index beyond both tables', 'be'],
    ['a name index beyond both tables', '7f00 0161'],
    ['an integer without end', 'ffff ffff ffff ffff ff'],
    ['an integer cut off', 'ff'],
    ['a string cut off', '4005 6162'],
    ['a literal without its value', '4001 61'],
    ['a length cut off', '407f'],
    ['a table larger than offered', '3fe21f'],
    ['a table size behind a field', '8220'],
    ['padding longer than seven bits', '4081 ff 0161'],
    ['padding that is not ones', '4082 1f80 0161'],
    ['padding of eight ones behind a symbol', '4082 1fff 0161'],
    ['the end-of-string symbol', '4084 ffff ffff 0161'],
  ];
  for (const [why, block] of cases) {
    it(why, () => assert.equal(decodeBlock(new HpackDecoder(), hex(block)), null));
  }

  it('seven ones of padding are right', () => {
    // `0` is 00000: five bits and three of padding; `a` takes 00011.
    assert.deepEqual(decodeBlock(new HpackDecoder(), hex('0081 1f 0161')), [['a', 'a']]);
  });
});

describe('the table of a decoder', () => {
  it('survives a list over its limit: later blocks still mean what they meant', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    const list = new FieldList();
    const fields: [string, string][] = Array.from({ length: 40 }, (_, i) => [
      `x-${i}`,
      'y'.repeat(50),
    ]);
    encodeFields(encoder, fields);
    // Seen twice, so all of them enter the table now.
    const first = encodeFields(encoder, fields);
    decodeBlock(decoder, first, list, 1_000, 10);
    assert.equal(list.overflow, true);
    assert.deepEqual(decodeBlock(decoder, encodeFields(encoder, fields), list), fields);
    assert.equal(list.overflow, false);
  });

  it('is emptied by a field larger than itself, also one too large to keep', () => {
    const decoder = new HpackDecoder();
    const list = new FieldList();
    assert.deepEqual(decodeBlock(decoder, hex('400161 0162'), list), [['a', 'b']]);
    assert.deepEqual(decodeBlock(decoder, hex('be'), list), [['a', 'b']]);
    // Length 20,000 as an integer of seven bits and more.
    const big = Buffer.concat([hex('400163 7fa19b01'), Buffer.alloc(20_000, 'z')]);
    decodeBlock(decoder, big, list, 1_000, 100);
    assert.equal(list.overflow, true);
    assert.equal(decodeBlock(decoder, hex('be'), list), null);
  });

  it('follows a size update down and up again', () => {
    const decoder = new HpackDecoder();
    decodeBlock(decoder, hex('400161 0162'));
    assert.deepEqual(decodeBlock(decoder, hex('20 3fe11f 82')), [[':method', 'GET']]);
    assert.equal(decodeBlock(decoder, hex('be')), null);
  });
});

it('a table that has turned over many times still holds what it should', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  const list = new FieldList();
  for (let i = 0; i < 400; i++) {
    const fields: [string, string][] = [
      [`x-${i}`, 'v'.repeat((i * 37) % 300)],
      ['x-kept', 'always the same'],
    ];
    // The second time it enters the table, the third time it is read from there.
    for (let times = 0; times < 3; times++)
      assert.deepEqual(decodeBlock(decoder, encodeFields(encoder, fields), list), fields);
  }
});

describe('the encoder', () => {
  it('makes one byte of what repeats, from the third time on', () => {
    const encoder = new HpackEncoder();
    const fields: [string, string][] = [['Server', 'an-origin/1.0']];
    const sizes = [1, 2, 3, 4].map(() => encodeFields(encoder, fields).length);
    assert.deepEqual(sizes.slice(2), [1, 1]);
  });

  it('never indexes Set-Cookie', () => {
    const encoder = new HpackEncoder();
    const fields: [string, string][] = [['set-cookie', 'a=b']];
    for (let i = 0; i < 4; i++) assert.equal((encodeFields(encoder, fields)[0] ?? 0) >> 4, 1);
  });

  it('says a smaller table of the peer before the next block, and uses none of size 0', () => {
    const encoder = new HpackEncoder();
    const fields: [string, string][] = [['x-a', 'b']];
    for (let i = 0; i < 3; i++) encodeFields(encoder, fields);
    encoder.setPeerMax(0);
    const decoder = new HpackDecoder();
    const block = encodeFields(encoder, fields);
    assert.equal(block[0], 0x20);
    assert.deepEqual(decodeBlock(decoder, block), fields);
    assert.deepEqual(decodeBlock(decoder, encodeFields(encoder, fields)), fields);
  });

  it('says both sizes when the peer went down and up between two blocks', () => {
    const encoder = new HpackEncoder();
    encoder.setPeerMax(100);
    encoder.setPeerMax(70_000);
    assert.deepEqual(encodeFields(encoder, []), hex('3f45 3fe11f'));
  });
});

const fieldName = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
const fieldValue = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,80}$/),
  fc.constantFrom('', 'gzip', 'text/html; charset=utf-8', 'x'.repeat(5_000)),
);
const latin1 = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

describe('properties', () => {
  it('what is encoded is decoded, over many blocks and changes of the table', (test) => {
    const fields = fc.array(fc.tuple(fieldName, fieldValue), { maxLength: 12 });
    const step = fc.record({
      fields,
      times: fc.integer({ min: 1, max: 3 }),
      size: fc.option(fc.nat(5_000)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder();
        const list = new FieldList();
        for (const { fields: some, times, size } of steps) {
          if (size !== null) encoder.setPeerMax(size);
          const wanted = some.map(([name, value]) => [name, latin1(value)] as [string, string]);
          for (let i = 0; i < times; i++)
            assert.deepEqual(decodeBlock(decoder, encodeFields(encoder, wanted), list), wanted);
        }
      }),
      propertySettings(test, 300),
    );
  });

  it('Huffman code: every byte string comes back, in the length foretold', (test) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const coded = new Uint8Array(2_000);
        const end = encodeHuffman(coded, 0, bytes, 0, bytes.length);
        assert.equal(end, huffmanLength(bytes, 0, bytes.length));
        const back = new Uint8Array(bytes.length);
        assert.equal(decodeHuffman(back, 0, bytes.length, coded, 0, end), bytes.length);
        assert.deepEqual(back, bytes);
        if (bytes.length > 0)
          assert.equal(decodeHuffman(back, 0, bytes.length - 1, coded, 0, end), huffmanTooLong);
      }),
      propertySettings(test, 500),
    );
  });

  it('Huffman code: any bytes are decoded or refused, and what is decoded encodes to them', (test) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (coded) => {
        const text = new Uint8Array(200);
        const end = decodeHuffman(text, 0, text.length, coded, 0, coded.length);
        if (end === huffmanInvalid) return;
        const again = new Uint8Array(200);
        assert.deepEqual(again.subarray(0, encodeHuffman(again, 0, text, 0, end)), coded);
      }),
      propertySettings(test, 2_000),
    );
  });

  it('any bytes as a block: fields within the bounds, or an error', (test) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (blocks) => {
        const decoder = new HpackDecoder();
        const list = new FieldList();
        for (const block of blocks) {
          if (decodeBlock(decoder, block, list, 300, 10) === null) return;
          assert.ok(list.count <= 10);
          const size = list.count === 0 ? 0 : (list.offsets[list.count * 4 - 1] ?? 0);
          assert.ok(size <= 300);
        }
      }),
      propertySettings(test, 1_000),
    );
  });
});
