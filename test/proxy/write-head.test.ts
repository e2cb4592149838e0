/** Heads written from views: canonical fields in runs, others anew, dropped ones not at all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldKind } from '#proxy/http1/field-kind.ts';
import { complete } from '#proxy/http1/parse-problem.ts';
import { parseRequest } from '#proxy/http1/parse-request.ts';
import { headSizeMax, writeFields, writeRequestLine } from '#proxy/http1/write-head.ts';
import { RequestView } from '#waf/request-view.ts';

function written(text: string, drops: number): string {
  const view = new RequestView(20);
  const bytes = Buffer.from(text, 'latin1');
  assert.equal(
    parseRequest(view, bytes, 0, bytes.length, { headBytesMax: 32_768, urlBytesMax: 8_192 }),
    complete,
  );
  // Exactly the bound, filled: what is not written shows.
  const target = Buffer.alloc(headSizeMax(view, 0), '~');
  const at = writeFields(view, drops, target, writeRequestLine(view, null, target, 0));
  assert.ok(at <= target.length);
  return target.toString('latin1', 0, at);
}

describe('a head for the next hop', () => {
  const host = 'Host: a\r\n';
  const hostDrop = 1 << fieldKind.host;
  const rows: readonly [name: string, from: string, drops: number, to: string][] = [
    [
      'canonical fields are copied',
      `GET / HTTP/1.1\r\n${host}A: b\r\n\r\n`,
      0,
      `GET / HTTP/1.1\r\n${host}A: b\r\n`,
    ],
    ['HTTP/1.0 becomes HTTP/1.1', `GET / HTTP/1.0\r\n${host}\r\n`, 0, `GET / HTTP/1.1\r\n${host}`],
    [
      'blanks become one',
      `GET / HTTP/1.1\r\n${host}A:b\r\nC:  d\r\nE: f \r\nG:\th\r\nI:\r\n\r\n`,
      0,
      `GET / HTTP/1.1\r\n${host}A: b\r\nC: d\r\nE: f\r\nG: h\r\nI: \r\n`,
    ],
    [
      'the first is dropped',
      `GET / HTTP/1.1\r\n${host}A: b\r\nC: d\r\n\r\n`,
      hostDrop,
      'GET / HTTP/1.1\r\nA: b\r\nC: d\r\n',
    ],
    [
      'the last is dropped',
      `GET / HTTP/1.1\r\nA: b\r\nC: d\r\n${host}\r\n`,
      hostDrop,
      'GET / HTTP/1.1\r\nA: b\r\nC: d\r\n',
    ],
    [
      'one in the middle is dropped',
      `GET / HTTP/1.1\r\nA: b\r\n${host}C:d\r\nE: f\r\n\r\n`,
      hostDrop,
      'GET / HTTP/1.1\r\nA: b\r\nC: d\r\nE: f\r\n',
    ],
    ['all are dropped', `GET / HTTP/1.1\r\n${host}\r\n`, hostDrop, 'GET / HTTP/1.1\r\n'],
    [
      'absolute-form becomes origin-form',
      `GET http://b/c?d HTTP/1.1\r\n${host}\r\n`,
      hostDrop,
      'GET /c?d HTTP/1.1\r\n',
    ],
    [
      'absolute-form without a path gets one',
      `GET http://b?d HTTP/1.1\r\n${host}\r\n`,
      hostDrop,
      'GET /?d HTTP/1.1\r\n',
    ],
    [
      'an empty line in front is not written',
      `\r\nGET / HTTP/1.1\r\n${host}\r\n`,
      0,
      `GET / HTTP/1.1\r\n${host}`,
    ],
    [
      'no blanks anywhere: the bound holds',
      `G / HTTP/1.1\r\nHost:a\r\n${'A:\r\n'.repeat(19)}\r\n`,
      0,
      `G / HTTP/1.1\r\nHost: a\r\n${'A: \r\n'.repeat(19)}`,
    ],
  ];
  for (const [name, from, drops, to] of rows)
    it(name, () => assert.equal(written(from, drops), to));
});
