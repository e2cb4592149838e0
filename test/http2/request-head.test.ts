/**
 * The head written down from HTTP/2 fields is what the HTTP/1.1 parser makes of the same bytes: one table
 * of offsets, whoever filled it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { complete } from '#proxy/http1/parse-problem.ts';
import { parseRequest } from '#proxy/http1/parse-request.ts';
import { FieldList } from '#proxy/http2/field-list.ts';
import { HpackDecoder } from '#proxy/http2/hpack-decoder.ts';
import { readRequest } from '#proxy/http2/request-head.ts';
import { RequestView } from '#waf/request-view.ts';
import { block, type Field } from '../support/http2-peer.ts';
import { propertySettings } from '../support/property.ts';

const list = new FieldList();

function read(fields: readonly Field[], endsHere = true) {
  list.reset(32_768, 300);
  const bytes = block(fields);
  assert.equal(new HpackDecoder().decode(bytes, 0, bytes.length, list), true);
  const view = new RequestView(100);
  const problem = readRequest(view, list, { urlBytesMax: 8_192 }, endsHere);
  return { view, problem };
}

/** Everything of a view that others look at. */
function table(view: RequestView) {
  const { headerCount, start, end, methodEnd, targetStart, targetEnd, pathStart, pathEnd } = view;
  const { queryStart, hostStart, hostEnd, expectContinue, contentLength, refusal } = view;
  return {
    ...{ headerCount, start, end, methodEnd, targetStart, targetEnd, pathStart, pathEnd },
    ...{ queryStart, hostStart, hostEnd, expectContinue, contentLength, refusal },
    headers: [...view.headers.subarray(0, headerCount * 4)],
    kinds: [...view.kinds.subarray(0, headerCount)],
  };
}

const name = fc.constantFrom(
  ...['accept', 'x-a', 'user-agent', 'x-forwarded-for', 'forwarded', 'x_real_ip', 'expect-ct'],
  ...['te', 'trailer', 'x-request-id', 'cookie', 'host2', 'cookie2', 'origin'],
);
const value = fc.stringMatching(/^(?:[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?)?$/);
const arbitraryFields = fc.array(
  fc.tuple(name, value).map(([n, v]): Field => (n === 'te' ? [n, 'trailers'] : [n, v])),
  { maxLength: 12 },
);
const path = fc.stringMatching(/^\/[!-"$-~]{0,20}(?:\?[!-"$-~]{0,20})?$/);

describe('a request head from HTTP/2 fields', () => {
  it('is read by the HTTP/1.1 parser as the same table', (test) => {
    fc.assert(
      fc.property(
        fc.constantFrom('GET', 'POST', 'X-OWN'),
        path,
        fc.boolean(),
        fc.option(fc.nat(1_000_000)),
        arbitraryFields,
        (method, target, usesHost, length, fields) => {
          const pseudo: Field[] = fc.sample(
            fc.shuffledSubarray<Field>(
              [
                [':method', method],
                [':scheme', 'https'],
                [':path', target],
                ...(usesHost ? [] : [[':authority', 'edge.test:8443'] as Field]),
              ],
              { minLength: usesHost ? 3 : 4 },
            ),
            1,
          )[0] as Field[];
          const { view, problem } = read(
            [
              ...pseudo,
              ...fields,
              ...(usesHost ? [['host', 'edge.test:8443'] as Field] : []),
              ...(length === null ? [] : [['content-length', String(length)] as Field]),
            ],
            false,
          );
          assert.equal(problem, null);
          assert.equal(view.chunked, length === null);
          const text = view.bytes
            .toString('latin1', view.start, view.end)
            .replace(' HTTP/2.0\r\n', ' HTTP/1.1\r\n');
          const bytes = Buffer.from(text, 'latin1');
          const other = new RequestView(100);
          const limits = { headBytesMax: 100_000, urlBytesMax: 8_192 };
          assert.equal(parseRequest(other, bytes, 0, bytes.length, limits), complete);
          assert.deepEqual(table(view), table(other));
          const cookies = text.match(/^cookie:/gm) ?? [];
          assert.ok(cookies.length <= 1, 'crumbs are one field');
        },
      ),
      propertySettings(test, 500),
    );
  });

  it('joins crumbs where the first of them was, and leaves out a second Host', () => {
    const { view } = read([
      [':method', 'GET'],
      [':path', '/?x'],
      [':authority', 'a.test'],
      [':scheme', 'https'],
      ['accept', '*/*'],
      ['cookie', 'a=1'],
      ['host', 'a.test'],
      ['cookie', 'b=2'],
      ['x', 'y'],
      ['cookie', ''],
    ]);
    assert.equal(
      view.bytes.toString('latin1', view.start, view.end),
      'GET /?x HTTP/2.0\r\nhost: a.test\r\naccept: */*\r\ncookie: a=1; b=2\r\nx: y\r\n\r\n',
    );
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => `${view.headerName(i)}=${view.headerValue(i)}`),
      ['host=a.test', 'accept=*/*', 'cookie=a=1; b=2', 'x=y'],
    );
    assert.equal(view.major, 2);
  });
});
