/** The request parser over `test/corpus/http1/requests.json`, and its limits at the bound and one beyond. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { complete, incomplete, parseProblem, problemOf } from '#proxy/http1/parse-problem.ts';
import { type HeadLimits, parseRequest } from '#proxy/http1/parse-request.ts';
import { RequestView } from '#waf/request-view.ts';
import requests from '../corpus/http1/requests.json' with { type: 'json' };

const limits = { headBytesMax: 32_768, urlBytesMax: 8_192 };

function parse(text: string, own: Partial<HeadLimits> = {}, headersMax = 100, before = 0) {
  const view = new RequestView(headersMax);
  const bytes = Buffer.from('#'.repeat(before) + text, 'latin1');
  return { view, result: parseRequest(view, bytes, before, bytes.length, { ...limits, ...own }) };
}

function outcome(view: RequestView, result: number): Record<string, unknown> {
  if (result === incomplete) return { incomplete: true };
  // What rules may still see is refused all the same.
  const problem = result === complete && view.refusal !== 0 ? view.refusal : result;
  if (problem !== complete)
    return { problem: Object.entries(parseProblem).find(([, value]) => value === problem)?.[0] };
  const text = (from: number, to: number): string => view.bytes.toString('latin1', from, to);
  return {
    method: text(view.start, view.methodEnd),
    path: text(view.pathStart, view.pathEnd),
    query: view.queryStart < 0 ? null : text(view.queryStart, view.targetEnd),
    host: view.hostStart < 0 ? null : text(view.hostStart, view.hostEnd),
    minor: view.minor,
    fields: Array.from({ length: view.headerCount }, (_, i) => [
      view.headerName(i),
      view.headerValue(i),
    ]),
    contentLength: view.contentLength,
    chunked: view.chunked,
    expectContinue: view.expectContinue,
    close: view.connectionClose,
    keepAlive: view.connectionKeepAlive,
    upgrade: view.connectionUpgrade,
  };
}

describe('a request head', () => {
  for (const { name, bytes, expect } of requests) {
    it(name, () => {
      const { view, result } = parse(bytes);
      const got = outcome(view, result);
      for (const [key, value] of Object.entries(expect)) assert.deepEqual(got[key], value, key);
      if (result === complete) assert.equal(view.end, bytes.length);
    });
  }

  const withoutVersion: readonly (readonly [bytes: string, reads: object])[] = [
    ['GET /a?b=1\r\n', { problem: 'withoutVersion' }],
    ['GET /a \r\n', { problem: 'withoutVersion' }],
    ['GET http://a.test/a\r\n', { problem: 'withoutVersion' }],
    ['GET /a\r', { incomplete: true }],
    ['GET /a \r', { incomplete: true }],
    ['GET /a ', { incomplete: true }],
    ['GET /a', { incomplete: true }],
    ['GET /a\n', { problem: 'requestLine' }],
    ['GET /a \n', { problem: 'requestLine' }],
    ['GET /a\r\r', { problem: 'lineBreak' }],
    ['GET /a  \r\n', { problem: 'requestLine' }],
    ['GET \r\n', { problem: 'requestLine' }],
    ['GET a\r\n', { problem: 'target' }],
    ['GET /a#\r\n', { problem: 'target' }],
    ['POST /a\r\n', { problem: 'requestLine' }],
    ['get /a\r\n', { problem: 'requestLine' }],
    ['GET /a HTTP/0.9\r\n', { problem: 'requestLine' }],
  ];
  for (const [bytes, reads] of withoutVersion)
    it(`where a line without a version is a request: ${JSON.stringify(bytes)}`, () => {
      const { view, result } = parse(bytes, { readsWithoutVersion: true });
      assert.deepEqual(outcome(view, result), reads);
      if (result !== complete) return;
      assert.equal(view.end, bytes.length);
      assert.deepEqual([view.major, view.headerCount], [0, 0]);
      assert.deepEqual(outcome(view, parse(bytes).result), { problem: 'requestLine' });
    });

  it('reads the same at any place in a buffer, and with more behind it', () => {
    for (const { bytes, expect } of requests) {
      if (!('method' in expect)) continue;
      const plain = parse(bytes);
      const moved = parse(`${bytes}GET /next`, {}, 100, 77);
      assert.deepEqual(outcome(moved.view, moved.result), outcome(plain.view, plain.result));
      assert.equal(moved.view.end, bytes.length + 77);
    }
  });

  it('is never complete or refused for a good request before its last byte', () => {
    for (const { bytes, expect } of requests) {
      if ('problem' in expect || 'incomplete' in expect) continue;
      for (let length = 1; length < bytes.length; length++) {
        assert.equal(
          parse(bytes.slice(0, length)).result,
          incomplete,
          JSON.stringify(bytes.slice(0, length)),
        );
      }
    }
  });

  it('has a row for every problem a request can have', () => {
    const named = new Set(
      requests.map(({ expect }) => ('problem' in expect ? expect.problem : '')),
    );
    const elsewhere = [
      'withoutVersion',
      'tooManyFields',
      'headTooLarge',
      'targetTooLong',
      'statusLine',
      'chunkSize',
      'chunkExtension',
      'chunkData',
      'trailer',
    ];
    assert.deepEqual(
      Object.keys(parseProblem).filter(
        (problem) => !named.has(problem) && !elsewhere.includes(problem),
      ),
      [],
    );
  });
});

describe('limits of a request head', () => {
  const head = (target: string, fields = ''): string =>
    `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

  it('target', () => {
    assert.equal(parse(head('/234'), { urlBytesMax: 4 }).result, complete);
    assert.equal(parse(head('/2345'), { urlBytesMax: 4 }).result, parseProblem.targetTooLong);
    assert.equal(parse('GET /234', { urlBytesMax: 4 }).result, incomplete);
    assert.equal(parse('GET /2345', { urlBytesMax: 4 }).result, parseProblem.targetTooLong);
  });

  it('whole head', () => {
    const size = head('/').length;
    assert.equal(parse(head('/'), { headBytesMax: size }).result, complete);
    assert.equal(parse(head('/'), { headBytesMax: size - 1 }).result, parseProblem.headTooLarge);
    assert.equal(
      parse(`${head('/')}body`, { headBytesMax: size }).result,
      complete,
      'what follows does not count',
    );
    assert.equal(parse(head('/').slice(0, -1), { headBytesMax: size }).result, incomplete);
  });

  it('number of fields', () => {
    assert.equal(parse(head('/', 'A: 1\r\n'), {}, 2).result, complete);
    assert.equal(parse(head('/', 'A: 1\r\nB: 2\r\n'), {}, 2).result, parseProblem.tooManyFields);
  });

  it('every problem has a status of its kind and words of its own', () => {
    const reasons = Object.values(parseProblem).map((result) => problemOf(result));
    assert.equal(new Set(reasons.map(({ reason }) => reason)).size, reasons.length);
    for (const { status } of reasons) assert.ok(status >= 400 && status < 600);
  });
});
