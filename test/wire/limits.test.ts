/** Every bound and time limit as a client meets it: the status, the close, and what the origin saw. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readMessages, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const head = 'Host: a.test\r\n';
const get = `GET / HTTP/1.1\r\n${head}\r\n`;

async function oneAnswer(client: RawClient): Promise<number> {
  const { messages, rest } = readMessages(await client.untilEnded());
  assert.equal(messages.length, 1);
  assert.equal(rest, '');
  return statusOf(messages[0] as (typeof messages)[number]);
}

describe('size limits', () => {
  const limits = { headBytesMax: 1_000, urlBytesMax: 200, headersMax: 4, bodyBytesMax: 10 };
  const rows: readonly [name: string, request: string, status: number][] = [
    [
      'a body of the largest length',
      `POST / HTTP/1.1\r\n${head}Content-Length: 10\r\nConnection: close\r\n\r\n0123456789`,
      200,
    ],
    ['a length one beyond', `POST / HTTP/1.1\r\n${head}Content-Length: 11\r\n\r\n`, 413],
    [
      'chunks of the largest sum',
      `POST / HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n`,
      200,
    ],
    [
      'chunks whose sum is one beyond',
      `POST / HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n`,
      413,
    ],
    [
      'the longest target',
      `GET /${'a'.repeat(199)} HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
      200,
    ],
    ['a target one beyond', `GET /${'a'.repeat(200)} HTTP/1.1\r\n${head}\r\n`, 414],
    ['a target without an end', `GET /${'a'.repeat(2_000)}`, 414],
    [
      'as many fields as may be',
      `GET / HTTP/1.1\r\n${head}Connection: close\r\nA: 1\r\nB: 2\r\n\r\n`,
      200,
    ],
    ['one field more', `GET / HTTP/1.1\r\n${head}A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n`, 431],
    ['the largest head', sized(1_000), 200],
    ['a head one beyond', sized(1_001), 431],
    ['a head without an end', `GET / HTTP/1.1\r\n${head}A: ${'a'.repeat(2_000)}`, 431],
  ];
  function sized(size: number): string {
    const start = `GET / HTTP/1.1\r\n${head}Connection: close\r\nA: `;
    return `${start}${'a'.repeat(size - start.length - 4)}\r\n\r\n`;
  }
  for (const [name, request, status] of rows) {
    it(`${name}: ${status}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(simpleEdge(origin.url, { limits }));
      using client = await RawClient.connect(edge.address);
      client.send(request);
      assert.equal(await oneAnswer(client), status);
      if (status === 413 && !request.includes('chunked'))
        assert.equal(origin.connections.length, 0);
      if (status !== 200) assert.equal(readMessages(origin.received).messages.length, 0);
    });
  }

  it('a sum of chunks that grows too large in a later read: 413, and the request at the origin is broken off', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url, { limits }));
    using client = await RawClient.connect(edge.address);
    client.send(`POST / HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n`);
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('01234\r\n'));
    client.send('6\r\n567890\r\n');
    assert.equal(await oneAnswer(client), 413);
    await upstream.untilEnded();
    assert.equal(readMessages(upstream.received).messages.length, 0);
  });

  it('stops reading a client that sends ahead more than the bound', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { limits: { pipelinedBytesMax: 1_000 } }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get);
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    // More than the buffers of both kernels' sockets take.
    client.socket.write(Buffer.from(get.repeat(1_000_000)));
    await turns(200);
    assert.ok(client.socket.writableLength > 0, 'what is left waits at the client');
    assert.ok(edge.sample('weir_connections_paused_total') >= 1);
    assert.equal(readMessages(upstream.received).messages.length, 1);
  });
});

const waits = (url: string): string =>
  `weir_upstream_server_waits_total{upstream="app",server="${url}"}`;

/** Lets the event loop go round, where nothing is to happen that could be awaited. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('time limits', () => {
  // Only the limit in question is short: on a machine that stands still another one would come first.
  it('closes a connection that says nothing, without an answer', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url, { timeouts: { headMs: 50 } }));
    using client = await RawClient.connect(edge.address);
    assert.equal(await client.untilEnded(), '');
    assert.equal(edge.sample('weir_connections_timed_out_total{limit="idle"}'), 1);
  });

  it('408 for a head that does not end', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url, { timeouts: { headMs: 500 } }));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a');
    assert.equal(await oneAnswer(client), 408);
    assert.equal(edge.sample('weir_requests_total{outcome="refused"}'), 1);
    // Its line says what is known: the page went out, but no request ever had a beginning in time.
    const [line] = await edge.accessLines(1);
    assert.equal(line?.['status'], 408);
    assert.ok(Number(line?.['bytesOut']) > 0);
    assert.ok(line !== undefined && !('durationMs' in line));
  });

  it('408 for a body that stops coming, and the request at the origin is broken off', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { timeouts: { bodyIdleMs: 50 } }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(`POST / HTTP/1.1\r\n${head}Content-Length: 10\r\n\r\nabc`);
    const upstream = await origin.connection(0);
    assert.equal(await oneAnswer(client), 408);
    await upstream.untilEnded();
  });

  it('504 when the origin does not answer', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { timeouts: { responseMs: 50 } }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get);
    assert.equal(statusOf(await client.response()), 504);
    await (await origin.connection(0)).untilEnded();
    assert.equal(edge.sample('weir_upstream_failures_total{reason="timeout"}'), 1);
  });

  it('504 when the origin stops reading the request', async () => {
    await using origin = await RawOrigin.start((connection) => connection.socket.pause());
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, {
        timeouts: { sendMs: 50, bodyIdleMs: 60_000 },
        limits: { bodyBytesMax: 1_000_000_000 },
      }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(`POST / HTTP/1.1\r\n${head}Content-Length: 100000000\r\n\r\n`);
    client.socket.write(Buffer.alloc(30_000_000));
    assert.equal(statusOf(await client.response()), 504);
  });

  it('cuts an answer that stops coming', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc',
    );
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { timeouts: { sendMs: 50, responseMs: 50 } }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get);
    const received = await client.untilEnded();
    assert.ok(received.endsWith('\r\n\r\nabc'));
    assert.deepEqual(
      (await edge.accessLines(1)).map((line) => [line['status'], line['outcome']]),
      [[200, 'failed']],
    );
  });

  it('504 when a connection to the origin is not accepted in time', async () => {
    // 192.0.2.0/24 (TEST-NET-1) is routed nowhere; where a machine says so at once, that is a 502.
    await using edge = await TestEdge.start(
      simpleEdge('http://192.0.2.1:9', { timeouts: { connectMs: 50 } }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get);
    const status = statusOf(await client.response());
    const failures = ['connect', 'connect-timeout'].map((kind) =>
      edge.sample(`weir_upstream_failures_total{reason="${kind}"}`),
    );
    assert.deepEqual(failures, status === 504 ? [0, 1] : [1, 0]);
  });
});

describe('connection limits', () => {
  it('closes connections beyond the limit at once and takes new ones when others have gone', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { limits: { connectionsMax: 2 } }),
    );
    using first = await RawClient.connect(edge.address);
    using second = await RawClient.connect(edge.address);
    first.send(get);
    second.send(get);
    await Promise.all([first.response(), second.response()]);
    using third = await RawClient.connect(edge.address);
    third.send(get);
    assert.equal(await third.untilEnded(), '');
    assert.equal(edge.sample('weir_connections_refused_total{reason="limit"}'), 1);
    first.socket.end();
    await once(first.socket, 'close');
    using fourth = await RawClient.connect(edge.address);
    fourth.send(get);
    assert.equal(statusOf(await fourth.response()), 200);
  });

  it('503 with Retry-After when the queue for an upstream is full, and the one in the queue is served', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, {}, { connectionsMax: 1, waitingMax: 1 }),
    );
    using first = await RawClient.connect(edge.address);
    first.send(get);
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    using second = await RawClient.connect(edge.address);
    second.send(get.replace('GET /', 'GET /second'));
    using third = await RawClient.connect(edge.address);
    third.send(get);
    // Which of the two waits is a matter of arrival: one is turned away at once.
    const turnedAway = await Promise.race([second.response(), third.response()]);
    assert.equal(statusOf(turnedAway), 503);
    assert.deepEqual(fieldValues(turnedAway, 'retry-after'), ['1']);
    assert.equal(edge.sample('weir_upstream_failures_total{reason="busy"}'), 1);
    upstream.write(plainAnswer);
    await first.response();
    await upstream.until((bytes) => readMessages(bytes).messages.length === 2);
    upstream.write(plainAnswer);
    assert.equal(edge.sample(waits(origin.url)), 2);
    const waiter = second.received === '' ? second : third;
    assert.equal(statusOf(await waiter.response()), 200);
    assert.equal(origin.connections.length, 1);
  });

  it('503 when the wait for a free connection is too long', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { timeouts: { connectMs: 50 } }, { connectionsMax: 1 }),
    );
    using first = await RawClient.connect(edge.address);
    first.send(get);
    await origin.connection(0);
    using second = await RawClient.connect(edge.address);
    second.send(get);
    assert.equal(statusOf(await second.response()), 503);
  });
});
