/** The chunked decoder over `test/corpus/http1/chunked.json`, whole and byte by byte. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BodyPiece } from '#proxy/http1/body-piece.ts';
import { ChunkedDecoder } from '#proxy/http1/chunked-decoder.ts';
import { complete, incomplete, parseProblem } from '#proxy/http1/parse-problem.ts';
import cases from '../corpus/http1/chunked.json' with { type: 'json' };

/** Decodes pieces of `step` bytes until the end or a problem. */
function decode(text: string, step: number): { result: number; body: string; rest: string } {
  const decoder = new ChunkedDecoder();
  decoder.reset();
  const piece = new BodyPiece();
  const bytes = Buffer.from(text, 'latin1');
  let body = '';
  for (let at = 0; at < bytes.length; at += step) {
    piece.reset(bytes, true);
    const result = decoder.decode(piece, bytes, at, Math.min(at + step, bytes.length));
    const payload = Buffer.alloc(piece.size);
    piece.copyTo(payload, 0);
    body += payload.toString('latin1');
    if (result !== incomplete) return { result, body, rest: text.slice(decoder.position) };
  }
  return { result: incomplete, body, rest: '' };
}

describe('chunked coding', () => {
  for (const { name, bytes, expect } of cases) {
    for (const step of [1, 7, bytes.length]) {
      it(`${name}, in steps of ${step}`, () => {
        const { result, body, rest } = decode(bytes, step);
        if (expect.problem !== undefined) {
          assert.equal(
            Object.entries(parseProblem).find(([, value]) => value === result)?.[0],
            expect.problem,
          );
          return;
        }
        assert.deepEqual(
          { result, body, rest },
          { result: complete, body: expect.body, rest: expect.rest },
        );
      });
    }
  }

  it('is incomplete at every byte before the end of a good body', () => {
    for (const { bytes, expect } of cases) {
      if (expect.rest !== '') continue;
      for (let length = 0; length < Math.min(bytes.length, 100); length++) {
        assert.equal(decode(bytes.slice(0, length), 3).result, incomplete);
      }
    }
  });

  it('begins anew after a reset in the middle', () => {
    const decoder = new ChunkedDecoder();
    const piece = new BodyPiece();
    const first = Buffer.from('5;x\r\nhel');
    piece.reset(first, true);
    assert.equal(decoder.decode(piece, first, 0, first.length), incomplete);
    decoder.reset();
    const second = Buffer.from('1\r\na\r\n0\r\n\r\n');
    piece.reset(second, true);
    assert.equal(decoder.decode(piece, second, 0, second.length), complete);
    assert.equal(piece.size, 1);
  });
});
