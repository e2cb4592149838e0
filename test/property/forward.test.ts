/** From a request's bytes to the origin's: nothing end-to-end is lost, added or read in two ways. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { forwardRequest } from '#proxy/forward-request.ts';
import { ForwardedFields } from '#proxy/forwarded-fields.ts';
import { noFields } from '#proxy/header-edits.ts';
import { BodyDecoder, framing } from '#proxy/http1/body-decoder.ts';
import { BodyPiece } from '#proxy/http1/body-piece.ts';
import { complete } from '#proxy/http1/parse-problem.ts';
import { parseRequest } from '#proxy/http1/parse-request.ts';
import { RequestView } from '#waf/request-view.ts';
import { arbitraryRequest, requestBytes } from '../support/arbitrary-request.ts';
import { readMessages, readOne } from '../support/http-read.ts';
import { propertySettings } from '../support/property.ts';

const limits = { headBytesMax: 32_768, urlBytesMax: 8_192 };
const facts = {
  peer: '192.0.2.1',
  client: '192.0.2.1',
  isTls: true,
  peerIsTrusted: false,
  clientCertificate: '',
  requestId: 'id-1',
  tunnel: null,
  forwarded: new ForwardedFields('192.0.2.1', true),
  drops: 0,
  added: noFields,
  rewrite: null,
};
const ownFields = [
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'Forwarded',
  'X-Request-Id',
];

/** The bytes the origin gets for a whole request in one buffer, or null where it is refused or not whole. */
function forward(text: string): { view: RequestView; wire: string } | null {
  const view = new RequestView(100);
  const bytes = Buffer.from(text, 'latin1');
  if (parseRequest(view, bytes, 0, bytes.length, limits) !== complete) return null;
  const decoder = new BodyDecoder();
  const piece = new BodyPiece();
  const kind = view.chunked
    ? framing.chunked
    : view.contentLength > 0
      ? framing.length
      : framing.none;
  decoder.reset(kind, view.contentLength);
  if (decoder.decode(piece, bytes, view.end, bytes.length, false) < 0 || !decoder.done) return null;
  return { view, wire: forwardRequest(view, piece, facts).toString('latin1') };
}

it('parse and serialise keep method, target, body and every end-to-end field, in order', (test) => {
  const property = fc.property(arbitraryRequest, (request) => {
    const forwarded = forward(requestBytes(request));
    assert.ok(forwarded !== null, 'a valid request is accepted');
    const message = readOne(forwarded.wire);
    assert.equal(message.first, `${request.method} ${request.target} HTTP/1.1`);
    assert.equal(message.body, request.body ?? '');
    const passed = message.fields.filter(
      ([name]) => name.startsWith('X') && !ownFields.includes(name),
    );
    assert.deepEqual(
      passed,
      request.fields.map(([name, value]) => [name, value]),
    );
    for (const name of ownFields)
      assert.equal(message.fields.filter(([one]) => one === name).length, 1, name);
    assert.deepEqual(message.fields[0], ['Host', 'a.test']);
  });
  fc.assert(property, propertySettings(test, 2_000));
});

it("what is forwarded is forwarded the same again, but for the edge's own fields", (test) => {
  const property = fc.property(arbitraryRequest, (request) => {
    const first = forward(requestBytes(request));
    const second = forward(first?.wire ?? '');
    const without = (wire: string | undefined): string =>
      (wire ?? '').replace(
        /^(?:X-Forwarded-\w+|Forwarded|X-Request-Id|Content-Length|Transfer-Encoding): .*\r\n/gm,
        '',
      );
    assert.equal(without(second?.wire), without(first?.wire));
  });
  fc.assert(property, propertySettings(test, 500));
});

it('a mutated request is refused, or reads at the origin as the rules saw it', (test) => {
  const mutation = fc.record({
    at: fc.nat(400),
    remove: fc.nat(3),
    insert: fc.constantFrom(
      '',
      ' ',
      '\t',
      '\r',
      '\n',
      '\r\n',
      '\0',
      ':',
      ',',
      '\x0b',
      '\x7f',
      '\x80',
      'chunked',
      '0\r\n\r\n',
      '\r\n\r\n',
      '\r\n ',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Host: b\r\n',
      'Connection: X1, close\r\n',
      ' HTTP/1.1',
      'http://b/',
      '#',
      '@',
      '%0d%0a',
    ),
  });
  let passed = 0;
  const property = fc.property(
    arbitraryRequest,
    fc.array(mutation, { minLength: 1, maxLength: 4 }),
    (request, mutations) => {
      let text = requestBytes(request);
      for (const { at, remove, insert } of mutations) {
        const place = at % (text.length + 1);
        text = text.slice(0, place) + insert + text.slice(place + remove);
      }
      const forwarded = forward(text);
      if (forwarded === null) return;
      passed++;
      const { view, wire } = forwarded;
      // Throws where a strict reader finds anything unclean, and finds exactly one request.
      const message = readOne(wire);
      const part = (from: number, to: number): string => view.bytes.toString('latin1', from, to);
      const path = part(view.pathStart, view.targetEnd);
      assert.equal(
        message.first,
        `${part(view.start, view.methodEnd)} ${path.startsWith('/') || path === '*' ? path : `/${path}`} HTTP/1.1`,
      );
      const hosts = message.fields.filter(([name]) => name.toLowerCase() === 'host');
      assert.equal(hosts[0]?.[1], view.hostStart < 0 ? '' : part(view.hostStart, view.hostEnd));
      // Every field that arrives was in the view, with that value, or is the edge's own.
      const seen = new Set(
        Array.from(
          { length: view.headerCount },
          (_, i) => `${view.headerName(i)}: ${view.headerValue(i)}`,
        ),
      );
      for (const [name, value] of message.fields) {
        if ([...ownFields, 'Host', 'Content-Length', 'Transfer-Encoding'].includes(name)) continue;
        assert.ok(seen.has(`${name}: ${value}`), `${name} was seen`);
      }
    },
  );
  fc.assert(property, propertySettings(test, 5_000));
  assert.ok(passed > 200, `${passed} of the mutants were good requests, so something was tested`);
});

it('no bytes at all make the parser throw or read beyond them', (test) => {
  const soup = fc.array(
    fc.oneof(
      fc.constantFrom(
        'GET',
        ' ',
        '/',
        'HTTP/1.1',
        '\r\n',
        'Host',
        ':',
        'a',
        'Content-Length',
        '5',
        'Transfer-Encoding',
        'chunked',
        'http://',
        '[',
        ']',
        'Connection',
        ',',
      ),
      fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    ),
    { maxLength: 40 },
  );
  const property = fc.property(soup, (parts) => {
    const text = parts.join('');
    const view = new RequestView(4);
    const bytes = Buffer.from(text, 'latin1');
    const result = parseRequest(view, bytes, 0, bytes.length, {
      headBytesMax: 200,
      urlBytesMax: 50,
    });
    if (result === complete) {
      assert.ok(view.end <= bytes.length);
      assert.equal(readMessages(forward(text)?.wire ?? '').rest, '');
    }
  });
  fc.assert(property, propertySettings(test, 5_000));
});
