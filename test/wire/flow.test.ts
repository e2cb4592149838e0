/** Clients that vanish or read slowly: the origin is let go, or held back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { RawClient } from '../support/raw-client.ts';
import { RawOrigin } from '../support/raw-origin.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

describe('a client that goes away', () => {
  for (const [name, answer] of [
    ['while the origin thinks', ''],
    ['in the middle of its answer', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'],
  ] as const) {
    it(`${name}: the origin's connection is closed`, async () => {
      await using origin = await RawOrigin.start();
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      const client = await RawClient.connect(edge.address);
      client.send(get);
      const upstream = await origin.connection(0);
      await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
      upstream.write(answer);
      if (answer !== '') await client.until((bytes) => bytes.endsWith('part'));
      client.socket.resetAndDestroy();
      await upstream.untilEnded();
      assert.equal(edge.sample('weir_requests_total{outcome="aborted"}'), 1);
      const [line] = await edge.accessLines(1);
      assert.equal(line?.['status'], answer === '' ? 499 : 200);
    });
  }

  it('while it waits for a connection: it leaves the queue', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, {}, { connectionsMax: 1, waitingMax: 1 }),
    );
    using first = await RawClient.connect(edge.address);
    first.send(get);
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    const second = await RawClient.connect(edge.address);
    second.send(get);
    using third = await RawClient.connect(edge.address);
    third.send(get);
    // One of them is in the queue now and the other turned away.
    const waiter = await Promise.any([
      second.response().then(() => third),
      third.response().then(() => second),
    ]);
    waiter.socket.resetAndDestroy();
    await edge.until('weir_requests_total{outcome="aborted"}', 1);
    upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await first.response();
    first.send(get);
    await upstream.until((bytes) => bytes.split('GET /').length === 3);
    upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await first.responses(2);
  });
});

describe('a client that reads slowly', () => {
  it('holds the origin back instead of filling memory, and gets everything in the end', async () => {
    const size = 64_000_000;
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get);
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    client.socket.pause();
    upstream.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    const chunk = Buffer.alloc(1_000_000, 'x');
    let sent = 0;
    const memory = process.memoryUsage().arrayBuffers;
    // Until a write is held up: the buffers of two pairs of kernel sockets are full, and nothing moves.
    while (sent < size) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      upstream.socket.write(chunk, () => resolve(true));
      sent += chunk.length;
      const turns = (async () => {
        for (let i = 0; i < 100; i++) await new Promise((next) => setImmediate(next));
        return false;
      })();
      if (!(await Promise.race([promise, turns]))) break;
    }
    assert.ok(sent < size, `held back after ${sent} bytes`);
    assert.ok(process.memoryUsage().arrayBuffers - memory < 20_000_000);
    let received = 0;
    client.socket.removeAllListeners('data');
    const { promise: whole, resolve: done } = Promise.withResolvers<void>();
    client.socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
      if (received >= size) done();
    });
    client.socket.resume();
    while (sent < size) {
      const rest = Math.min(chunk.length, size - sent);
      await new Promise<void>((resolve) =>
        upstream.socket.write(chunk.subarray(0, rest), () => resolve()),
      );
      sent += rest;
    }
    await whole;
  });

  it('gets the end of an answer after which the edge closes', async () => {
    const size = 4_000_000;
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    client.socket.pause();
    upstream.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    upstream.socket.write(Buffer.alloc(size, 'x'));
    await new Promise((resolve) => setImmediate(resolve));
    client.socket.resume();
    assert.ok((await client.untilEnded()).length > size);
  });

  it('is cut when it stops reading for longer than the limit', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url, { timeouts: { sendMs: 50 } }));
    using client = await RawClient.connect(edge.address);
    client.send(get);
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    client.socket.pause();
    upstream.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n');
    upstream.socket.write(Buffer.alloc(64_000_000));
    await upstream.untilEnded();
    await edge.until('weir_connections_open', 0);
  });
});
