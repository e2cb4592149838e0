/** Chunked coding: what is encoded in any pieces is decoded to the same from any pieces. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { BodyDecoder, framing } from '#proxy/http1/body-decoder.ts';
import { BodyPiece } from '#proxy/http1/body-piece.ts';
import { encodeBody, encodedSizeMax } from '#proxy/http1/encode-body.ts';
import { chunked } from '../support/arbitrary-request.ts';
import { propertySettings } from '../support/property.ts';

const bytes = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 300,
});
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 });

/** Decodes `wire` cut to `cuts`, encoding each piece anew; both payload and new wire are given. */
function pass(
  wire: string,
  cuts: readonly number[],
): { body: string; again: string; rest: string } {
  const decoder = new BodyDecoder();
  decoder.reset(framing.chunked, -1);
  const piece = new BodyPiece();
  const buffer = Buffer.from(wire, 'latin1');
  let body = '';
  let again = '';
  let at = 0;
  for (const size of [...cuts, buffer.length]) {
    const limit = Math.min(buffer.length, at + size);
    const result = decoder.decode(piece, buffer, at, limit, true);
    assert.ok(result >= 0, 'no problem in a good body');
    const payload = Buffer.alloc(piece.size);
    piece.copyTo(payload, 0);
    body += payload.toString('latin1');
    const encoded = encodeBody(piece, framing.chunked);
    assert.ok(encoded.length <= encodedSizeMax(piece, framing.chunked));
    again += encoded.toString('latin1');
    at = decoder.position;
    if (decoder.done) return { body, again, rest: wire.slice(at) };
  }
  return assert.fail('the body did not end');
}

it('chunked: decoded and encoded again under any split, the payload stays the same', (test) => {
  const property = fc.property(
    bytes,
    sizes,
    sizes,
    sizes,
    bytes,
    (body, chunks, cuts, moreCuts, behind) => {
      const first = pass(chunked(body, chunks) + behind, cuts);
      assert.equal(first.body, body);
      assert.equal(first.rest, behind);
      const second = pass(first.again, moreCuts);
      assert.equal(second.body, body);
      assert.equal(second.rest, '');
    },
  );
  fc.assert(property, propertySettings(test, 2_000));
});

it('chunked: random bytes never throw, and a body is done only where it says so', (test) => {
  const soup = fc.string({
    unit: fc.constantFrom(
      '0',
      '1',
      '5',
      'a',
      'f',
      ';',
      '\r',
      '\n',
      '\r\n',
      ':',
      ' ',
      'x',
      '\0',
      'A: b',
    ),
    maxLength: 60,
  });
  const property = fc.property(soup, (text) => {
    const decoder = new BodyDecoder();
    decoder.reset(framing.chunked, -1);
    const piece = new BodyPiece();
    const buffer = Buffer.from(text, 'latin1');
    const result = decoder.decode(piece, buffer, 0, buffer.length, true);
    if (result === 1)
      assert.ok(text.slice(0, decoder.position).endsWith('\r\n\r\n') && text.includes('0'));
    assert.ok(decoder.position <= buffer.length);
  });
  fc.assert(property, propertySettings(test, 5_000));
});
