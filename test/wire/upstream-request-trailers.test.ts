/** Trailers of a request on their way to an HTTP/2 server, and what a reset of such a request does: nothing else. */
import assert from 'node:assert/strict';
import type http2 from 'node:http2';
import { it } from 'node:test';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { statusOf } from '../support/http-read.ts';
import { bodyOf, Http2Origin } from '../support/http2-origin.ts';
import { RawClient } from '../support/raw-client.ts';

const http2Edge = (url: string, takes = true): EdgeOptions =>
  simpleEdge(url, {}, { protocol: 'http2', requestTrailers: takes, breaker: { failures: 0 } });
const chunked = (fields: string, body: string, trailers: string): string =>
  `POST / HTTP/1.1\r\nHost: a.test\r\n${fields}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailers}\r\n`;

type Seen = { readonly body: string; readonly announced: string; readonly trailers: string };

/** What the server gets of one request. */
async function sent(request: string, takes: boolean, inTwo = false): Promise<Seen> {
  const seen = Promise.withResolvers<Seen>();
  await using origin = await Http2Origin.start(async ({ stream, field }) => {
    let trailers = '';
    stream.on('trailers', (fields: http2.IncomingHttpHeaders) => {
      trailers = JSON.stringify({ ...fields });
    });
    const body = await bodyOf(stream);
    seen.resolve({ body, announced: field('trailer') ?? '', trailers });
    stream.respond();
    stream.end('ok');
  });
  await using edge = await TestEdge.start(http2Edge(origin.url, takes));
  using client = await RawClient.connect(edge.address);
  if (inTwo) {
    client.send(request.slice(0, -10));
    await new Promise(setImmediate);
    client.send(request.slice(-10));
  } else client.send(request);
  assert.equal(statusOf(await client.response()), 200);
  return seen.promise;
}

const announced = chunked('Trailer: X-Sum\r\n', 'hello', 'X-Sum: abc\r\nX-Other: 1\r\n');
const long = 'x'.repeat(100_000);

it('those announced go on behind the body', async () => {
  const expected = { body: 'hello', announced: 'x-sum', trailers: '{"x-sum":"abc"}' };
  assert.deepEqual(await sent(announced, true), expected);
  assert.deepEqual(await sent(announced, true, true), expected);
});

it('behind a long body, and one without any', async () => {
  const whole = chunked('Trailer: X-Sum\r\n', long, 'X-Sum: abc\r\n');
  const { body, trailers } = await sent(whole, true);
  assert.deepEqual([body.length, trailers], [long.length, '{"x-sum":"abc"}']);
  const empty = `POST / HTTP/1.1\r\nHost: a.test\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n`;
  assert.equal((await sent(empty, true)).trailers, '{"x-sum":"1"}');
});

it('announced ones that never come leave a request that ends as others do', async () => {
  const { body, trailers } = await sent(chunked('Trailer: X-Sum\r\n', 'hello', ''), true);
  assert.deepEqual([body, trailers], ['hello', '']);
});

it('none that frame or were not announced, and none at all where the upstream does not say so', async () => {
  const unasked = chunked(
    'Trailer: Content-Length\r\n',
    'hello',
    'Content-Length: 9\r\nX-A: 1\r\n',
  );
  assert.equal((await sent(unasked, true)).trailers, '');
  assert.equal((await sent(announced, false)).trailers, '');
});

it('requests that are reset by either side, with data still to send, leave the edge as it was', async () => {
  let count = 0;
  await using origin = await Http2Origin.start(
    ({ stream, field }) => {
      if (field(':method') === 'GET') {
        stream.respond();
        stream.end('ok');
      } else if (count++ % 2 === 0) stream.close(8);
      else stream.once('data', () => stream.close(0));
    },
    { settings: { initialWindowSize: 1_000 }, maxSessionMemory: 1_000 },
  );
  await using edge = await TestEdge.start(http2Edge(origin.url));
  for (let round = 0; round < 10; round++) {
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => RawClient.connect(edge.address)),
    );
    for (const [index, client] of clients.entries()) {
      client.send(chunked('Trailer: X-Sum\r\n', long, 'X-Sum: abc\r\n'));
      if (index % 3 === 0) await new Promise(setImmediate);
    }
    for (const client of clients) client.socket.resetAndDestroy();
  }
  using last = await RawClient.connect(edge.address);
  last.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal(statusOf(await last.response()), 200);
});
