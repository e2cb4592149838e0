/** Trailers: which of them are let on, and that lines and field blocks are the same thing said twice. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FieldList } from '#proxy/http2/field-list.ts';
import { HpackDecoder } from '#proxy/http2/hpack-decoder.ts';
import { HpackEncoder } from '#proxy/http2/hpack-encoder.ts';
import { encodeLines, readTrailers } from '#proxy/http2/trailers.ts';
import { decodeBlock } from '../support/hpack.ts';
import { block, type Field } from '../support/http2-peer.ts';

function read(fields: readonly Field[]): string | null {
  const list = new FieldList();
  decodeBlock(new HpackDecoder(), block(fields), list, 32_768, 100);
  return readTrailers(list)?.toString('latin1') ?? null;
}

const cases: [why: string, fields: Field[], lines: string | null][] = [
  ['none', [], ''],
  [
    'ordinary ones',
    [
      ['x-sum', '1'],
      ['grpc-status', '0'],
    ],
    'x-sum: 1\r\ngrpc-status: 0\r\n',
  ],
  [
    'ones that frame',
    [
      ['content-length', '3'],
      ['x', 'y'],
    ],
    'x: y\r\n',
  ],
  [
    'ones that route or name a client',
    [
      ['host', 'a'],
      ['x-forwarded-for', 'b'],
      ['cookie', 'c'],
    ],
    '',
  ],
  ['a pseudo field', [[':path', '/']], null],
  ['a line end', [['x', 'a\r\ny: b']], null],
  ['a capital', [['X', 'a']], null],
  ['a field of connections', [['transfer-encoding', 'chunked']], null],
  ['8 KB and more', [['x', 'y'.repeat(8_192)]], null],
];

for (const [why, fields, lines] of cases) {
  it(`${why}: ${lines === null ? 'malformed' : JSON.stringify(lines)}`, () => {
    assert.equal(read(fields), lines);
  });
}

it('lines come out of a block as they went in', () => {
  const encoder = new HpackEncoder();
  encoder.begin();
  encodeLines(encoder, Buffer.from('X-Sum: 1\r\nEmpty: \r\nb: c: d\r\n', 'latin1'));
  assert.deepEqual(decodeBlock(new HpackDecoder(), encoder.bytes.subarray(0, encoder.length)), [
    ['x-sum', '1'],
    ['empty', ''],
    ['b', 'c: d'],
  ]);
});
