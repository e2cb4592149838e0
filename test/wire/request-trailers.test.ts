/** Trailers of a request on their way to a server of HTTP/1.1: who announced them, and which may travel. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { Http2Client } from '../support/http2-client.ts';
import { http2Edge } from '../support/http2-peer.ts';
import { proxyWasmGuest } from '../support/proxy-wasm-guests.ts';
import { loadProxyWasm } from '../support/proxy-wasm-run.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const takes = { requestTrailers: true };
const post = (fields: string, trailers: string): string =>
  `POST / HTTP/1.1\r\nHost: a.test\r\n${fields}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`;

/** What the server gets of a request: its head, and what follows the last chunk. */
async function sent(edge: TestEdge, origin: RawOrigin, parts: readonly string[]) {
  const before = origin.received.length;
  using client = await RawClient.connect(edge.address);
  for (const part of parts) {
    client.send(part);
    // Each in a read of its own, or not: both are right.
    await new Promise(setImmediate);
  }
  await client.response();
  const received = origin.received.slice(before);
  const [, head, section] = /^(.*?\r\n)\r\n.*\r\n0\r\n(.*)$/s.exec(received) ?? [];
  assert(head !== undefined && section !== undefined, received);
  return { announced: /^trailer: (.*)\r\n/im.exec(head)?.[1] ?? null, section };
}

type Case = readonly [
  name: string,
  fields: string,
  trailers: string,
  announced: string | null,
  section: string,
];
const cases: readonly Case[] = [
  ['that were announced go on', 'Trailer: X-Sum\r\n', 'X-Sum: abc\r\n', 'x-sum', 'X-Sum: abc\r\n'],
  [
    'that were not announced stop',
    'Trailer: X-Sum\r\n',
    'X-Sum: 1\r\nX-Other: 2\r\n',
    'x-sum',
    'X-Sum: 1\r\n',
  ],
  ['without any announcement stop', '', 'X-Sum: 1\r\n', null, ''],
  ['that never came are not sent', 'Trailer: X-Sum\r\n', '', null, ''],
  [
    'are announced in several fields',
    'Trailer: a ,b\r\ntrailer: c\r\n',
    'c: 3\r\na:  1 \r\n',
    'c, a',
    'c: 3\r\na: 1\r\n',
  ],
  [
    'that frame, route, authenticate or describe stop, announced or not',
    'Trailer: Content-Length, Transfer-Encoding, Host, Authorization, Cookie, X-Forwarded-For, Content_Type, Trailer, TE, X-Ok\r\n',
    'Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nAuthorization: x\r\nCookie: a\r\nX-Forwarded-For: ::1\r\nContent_Type: a/b\r\nTrailer: x\r\nTE: x\r\nX-Ok: 1\r\n',
    'x-ok',
    'X-Ok: 1\r\n',
  ],
  [
    'with an announcement beyond its bound stop',
    `Trailer: ${Array.from({ length: 65 }, (_, i) => `n${i}`).join()}\r\n`,
    'n1: 1\r\n',
    null,
    '',
  ],
];

describe('trailers of a request', async () => {
  for (const [name, fields, trailers, announced, section] of cases)
    it(name, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(simpleEdge(origin.url, {}, takes));
      assert.deepEqual(await sent(edge, origin, [post(fields, trailers)]), {
        announced,
        section: `${section}\r\n`,
      });
    });

  it('stop where the upstream does not say that it takes them', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    const request = post('Trailer: X-Sum\r\n', 'X-Sum: abc\r\n');
    assert.deepEqual(await sent(edge, origin, [request]), { announced: null, section: '\r\n' });
  });

  it('are the same in any cutting of the bytes', async () => {
    const request = post('Trailer: X-Sum\r\n', 'X-Sum: abc\r\n');
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url, {}, takes));
    for (let at = request.indexOf('\r\n\r\n') + 4; at < request.length; at++) {
      const parts = [request.slice(0, at), request.slice(at)];
      assert.deepEqual(await sent(edge, origin, parts), {
        announced: 'x-sum',
        section: 'X-Sum: abc\r\n\r\n',
      });
    }
  });

  it('come from HTTP/2 as well', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const options = await http2Edge(origin.url);
    const app = { servers: [{ url: origin.url }], ...takes };
    await using edge = await TestEdge.start({ ...options, upstreams: { app } });
    using client = new Http2Client(edge.address);
    const head = { ':method': 'POST', trailer: 'x-sum' };
    const { status } = await client.request(head, 'hello', { 'x-sum': '1', 'x-other': '2' });
    assert.equal(status, 200);
    assert.match(origin.received, /\r\nTrailer: x-sum\r\n/);
    assert.match(origin.received, /\r\n0\r\nx-sum: 1\r\n\r\n$/);
  });

  for (const [name, mode, fields, announced, section] of [
    [
      'are what a filter has made of them',
      'block',
      'X-Change: 1\r\n',
      'x-more, x-own',
      'x-more: 2\r\nx-own: 2\r\n',
    ],
    [
      'are as they came where it only watches',
      'monitor',
      'X-Change: 1\r\n',
      'x-sum',
      'X-Sum: 1\r\n',
    ],
    ['are as they came where it leaves them', 'block', '', 'x-sum', 'X-Sum: 1\r\n'],
  ] as const)
    it(name, async () => {
      const { filter, failures } = loadProxyWasm(await proxyWasmGuest('trailers'));
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start({
        ...simpleEdge(origin.url, {}, takes),
        routes: [{ upstream: 'app', waf: { mode, rules: ['filter'] } }],
        modules: { filter },
      });
      const request = post(`Trailer: x-sum\r\n${fields}`, 'X-Sum: 1\r\nx-more: 2\r\n');
      assert.deepEqual(await sent(edge, origin, [request]), {
        announced,
        section: `${section}\r\n`,
      });
      assert.deepEqual(failures, []);
    });
});
