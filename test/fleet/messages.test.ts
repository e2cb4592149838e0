/** What members say to each other, as bytes of somebody who means no good. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type BatchPiece, encodePiece, parsePiece } from '#fleet/batch-piece.ts';
import {
  type Beat,
  encodeMessage,
  type Hello,
  type MessageKind,
  messageBytesMax,
  parseMessage,
} from '#fleet/messages.ts';
import { propertySettings } from '../support/property.ts';

const hello: Hello = {
  ...{ v: 1, node: 'a', addresses: ['127.0.0.1:443'], region: 'eu', tags: ['edge'], version: '1' },
  ...{ modules: { core: 'ab'.repeat(32) }, shield: 'accept', startedAtMs: 1, admin: 'a:1' },
};
const beat: Beat = {
  ...{ v: 1, node: 'a', atMs: 1, state: 'ready', metrics: { connections: 4 } },
  ...{ digestRoot: 'ab'.repeat(32), rules: 'cd'.repeat(32), degraded: [] },
};

const asked = { v: 1, node: 'a', asks: 'batches', buckets: [0], after: null, known: [] };
const refused: readonly (readonly [MessageKind, string, unknown])[] = [
  ['hello', 'nothing', undefined],
  ['hello', 'a list', []],
  ['hello', 'another version', { ...hello, v: 2 }],
  ['hello', 'a key too many', { ...hello, more: 1 }],
  ['hello', 'a key too few', { ...hello, admin: undefined }],
  ['hello', 'a name that is a pattern', { ...hello, node: '*' }],
  ['hello', 'a name with a dot', { ...hello, node: 'a.b' }],
  ['hello', 'too many addresses', { ...hello, addresses: Array(65).fill('x') }],
  ['hello', 'a tag too long', { ...hello, tags: ['x'.repeat(65)] }],
  ['hello', 'a hash that is none', { ...hello, modules: { core: 'xyz' } }],
  ['beat', 'a state nobody knows', { ...beat, state: 'well' }],
  ['beat', 'a metric that is text', { ...beat, metrics: { connections: '4' } }],
  ['beat', 'a metric nobody knows', { ...beat, metrics: { luck: 1 } }],
  ['beat', 'a metric below zero', { ...beat, metrics: { connections: -1 } }],
  [
    'digest',
    'hashes of another length',
    { v: 1, node: 'a', atMs: 1, entries: 0, root: 'ab'.repeat(32), buckets: 'AAAA' },
  ],
  ['askBatches', 'a bucket there is not', { ...asked, buckets: [256] }],
  ['askBatches', 'no bucket', { ...asked, buckets: [] }],
  ['askBatches', 'a mark that is none', { ...asked, known: ['abc'] }],
  ['askBatches', 'too many marks', { ...asked, known: Array(3_001).fill('0123456789abcdef') }],
  [
    'ack',
    'a sequence that is no whole number',
    { v: 1, node: 'a', issuer: 'b', sequence: 1.5, enforced: { kernel: true, workers: 1 } },
  ],
];

describe('messages of a fleet', () => {
  it('are read as they were written', () => {
    assert.deepEqual(parseMessage('hello', encodeMessage('hello', hello), 'a'), {
      ok: true,
      message: hello,
    });
    assert.deepEqual(parseMessage('beat', encodeMessage('beat', beat), 'a'), {
      ok: true,
      message: beat,
    });
  });

  for (const [kind, what, value] of refused) {
    it(`are refused with ${what}: ${kind}`, () => {
      const bytes = Buffer.from(JSON.stringify(value) ?? '');
      assert.deepEqual(parseMessage(kind, bytes, 'a'), { ok: false, reason: 'malformed' });
    });
  }

  it('of another than their subject says are refused', () => {
    assert.deepEqual(parseMessage('hello', encodeMessage('hello', hello), 'b'), {
      ok: false,
      reason: 'not-yours',
    });
  });

  it('are read up to their longest, and not beyond', () => {
    const text = JSON.stringify(hello);
    const padded = (length: number) => Buffer.from(text.padEnd(length, ' '));
    assert.equal(parseMessage('hello', padded(messageBytesMax), 'a').ok, true);
    assert.deepEqual(parseMessage('hello', padded(messageBytesMax + 1), 'a'), {
      ok: false,
      reason: 'too-long',
    });
  });

  it('that are not UTF-8 are refused', () => {
    const bytes = Buffer.from(JSON.stringify({ ...hello, region: 'é' }), 'latin1');
    assert.equal(parseMessage('hello', bytes, 'a').ok, false);
  });

  it('of any bytes never throw', (test) => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          for (const kind of ['hello', 'beat', 'ack', 'digest', 'askBatches'] as const)
            assert.equal(parseMessage(kind, bytes, 'a').ok, false);
          parsePiece(bytes);
        },
      ),
      propertySettings(test, 500),
    );
  });

  it('with batches come apart as they were put together', (test) => {
    const pieces = fc.record({
      batches: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }),
      next: fc.option(fc.stringMatching(/^[a-z]{1,10}\/[0-9]{1,10}$/)),
    });
    fc.assert(
      fc.property(pieces, fc.nat(), (piece: BatchPiece, cut) => {
        const bytes = encodePiece(piece);
        const read = parsePiece(bytes);
        assert.deepEqual(
          read?.batches.map((batch) => [...batch]),
          piece.batches.map((batch) => [...batch]),
        );
        assert.equal(read?.next, piece.next);
        // Cut anywhere but between two batches it is none.
        const part = parsePiece(bytes.subarray(0, cut % bytes.length));
        assert.ok(part === null || part.batches.length < piece.batches.length);
      }),
      propertySettings(test, 300),
    );
  });
});
