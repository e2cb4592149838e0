/** What origins get wrong: the status, and that nothing of it reaches another request. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { readMessages, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { type OriginConnection, plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;

describe('answers that are none', () => {
  const rows: readonly [name: string, bytes: string][] = [
    ['garbage', 'hello\r\n\r\n'],
    ['HTTP/0.9', '<html>'],
    ['HTTP/2.0 in the status line', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a status of 600', 'HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n'],
    [
      'a length beside a coding',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n'],
    ['a signed length', 'HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n'],
    [
      'a coding that is not chunked',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a folded field', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
    ['a bare line feed', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    [
      'a bare carriage return in a value',
      'HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n',
    ],
    ['a null byte in a value', 'HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n'],
    ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a malformed first chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    [
      '101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    [
      'too many informational answers',
      `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(17)}${plainAnswer}`,
    ],
    ['a head without an end', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(70_000)}`],
    ['too many fields', `HTTP/1.1 200 OK\r\n${'A: 1\r\n'.repeat(300)}\r\n`],
  ];
  for (const [name, bytes] of rows) {
    it(`502 for ${name}; its connection is closed`, async () => {
      await using origin = await RawOrigin.start((connection) => {
        connection.socket.once('data', () => connection.write(bytes));
      });
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(get());
      const final = await client.response();
      assert.equal(statusOf(final), 502);
      await (await origin.connection(0)).untilEnded();
      assert.equal(edge.sample('weir_upstream_failures_total{reason="protocol"}'), 1);
      assert.equal(origin.connections.length, 1, 'not tried again');
    });
  }

  it('502 when nobody listens, and the client keeps its connection', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    server.close();
    await once(server, 'close');
    await using edge = await TestEdge.start(simpleEdge(`http://127.0.0.1:${port}`));
    using client = await RawClient.connect(edge.address);
    client.send(get() + get());
    assert.deepEqual((await client.responses(2)).map(statusOf), [502, 502]);
    assert.equal(edge.sample('weir_upstream_failures_total{reason="connect"}'), 2);
  });

  for (const [name, bytes] of [
    ['before a byte', ''],
    ['inside the head', 'HTTP/1.1 200 OK\r\nContent-'],
  ] as const) {
    it(`502 when a fresh connection is closed ${name}`, async () => {
      await using origin = await RawOrigin.start((connection) => {
        connection.socket.once('data', () => connection.socket.end(bytes));
      });
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(get());
      assert.equal(statusOf(await client.response()), 502);
      assert.equal(origin.connections.length, 1);
    });
  }

  it('takes the next server when one refuses the connection', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    server.close();
    await once(server, 'close');
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      upstreams: { app: { servers: [{ url: `http://127.0.0.1:${port}` }, { url: origin.url }] } },
      routes: [{ upstream: 'app' }],
    });
    using client = await RawClient.connect(edge.address);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n');
    client.send('hello');
    assert.equal(statusOf(await client.response()), 200);
    assert.equal(readMessages(origin.received).messages[0]?.body, 'hello');
    assert.equal(edge.sample('weir_upstream_retries_total'), 1);
  });
});

describe('a kept connection that the origin closes under a request', () => {
  it('sends an idempotent request again on a fresh connection, however many kept ones are stale', async () => {
    const kept = 5;
    let restarted = false;
    const answered: OriginConnection[] = [];
    await using origin = await RawOrigin.start((connection) => {
      const isFresh = restarted;
      connection.socket.on('data', () => {
        // After its restart the origin knows nothing of connections it had before.
        if (restarted && !isFresh) connection.socket.destroy();
        else if (isFresh) connection.write(plainAnswer);
        else if (answered.push(connection) === kept)
          for (const one of answered) one.write(plainAnswer);
      });
    });
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    const clients = await Promise.all(
      Array.from({ length: kept }, () => RawClient.connect(edge.address)),
    );
    for (const client of clients) client.send(get());
    await Promise.all(clients.map((client) => client.response()));
    restarted = true;
    const [first] = clients as [RawClient];
    first.send(get('/again'));
    const [, second] = await first.responses(2);
    assert.equal(statusOf(second as NonNullable<typeof second>), 200);
    assert.equal(edge.sample('weir_upstream_retries_total'), 1);
    for (const client of clients) client.socket.destroy();
  });

  async function staleConnection(request: string, count: number) {
    await using origin = await RawOrigin.start((connection) => {
      const isFirst = origin === undefined || origin.connections.length === 1;
      let requests = 0;
      connection.socket.on('data', () => {
        requests++;
        // The first connection answers once; its second request it closes without a word.
        if (isFirst && requests === 2) connection.socket.destroy();
        else connection.write(plainAnswer);
      });
    });
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get('/first'));
    await client.response();
    client.send(request);
    const [, second] = await client.responses(2);
    assert.equal(origin.connections.length, count);
    return statusOf(second as NonNullable<typeof second>);
  }

  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
    it(`${method} is sent again on a fresh one`, async () => {
      assert.equal(
        await staleConnection(`${method} /again HTTP/1.1\r\nHost: a.test\r\n\r\n`, 2),
        200,
      );
    });
  }
  for (const method of ['POST', 'PATCH', 'LOCK']) {
    it(`${method} is never sent again`, async () => {
      assert.equal(
        await staleConnection(`${method} /once HTTP/1.1\r\nHost: a.test\r\n\r\n`, 1),
        502,
      );
    });
  }
});

describe('bytes behind an answer', () => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned';

  for (const [name, behind] of [
    ['in the same write', true],
    ['in a later one', false],
  ] as const) {
    it(`close the connection, so that the next request does not get them: ${name}`, async () => {
      await using origin = await RawOrigin.start((connection) => {
        const isFirst = origin === undefined || origin.connections.length === 1;
        connection.socket.on('data', () =>
          connection.write(plainAnswer + (isFirst && behind ? poison : '')),
        );
      });
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using victim = await RawClient.connect(edge.address);
      using attacker = await RawClient.connect(edge.address);
      attacker.send(get('/attack'));
      assert.equal((await attacker.response()).body, 'ok');
      const upstream = await origin.connection(0);
      if (!behind) upstream.write(poison);
      await upstream.untilEnded();
      victim.send(get('/victim'));
      assert.equal((await victim.response()).body, 'ok');
      assert.equal(origin.connections.length, 2);
      assert.equal(readMessages(attacker.received).messages.length, 1);
    });
  }

  it('a body behind the answer to HEAD is not an answer either', async () => {
    await using origin = await RawOrigin.answering((request) =>
      request.startsWith('HEAD')
        ? `HTTP/1.1 200 OK\r\nContent-Length: ${poison.length}\r\n\r\n${poison}`
        : plainAnswer,
    );
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(`HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n${get()}`);
    const responses = await client.responses(2, (index) => index === 0);
    assert.equal(responses[1]?.body, 'ok');
    assert.equal(origin.connections.length, 2);
  });

  for (const [name, answer] of [
    ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    [
      'HTTP/1.0 with keep-alive and close',
      'HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nok',
    ],
  ] as const) {
    it(`an origin's connection is not used again after ${name}; the client's is`, async () => {
      await using origin = await RawOrigin.answering(answer);
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(get());
      await client.response();
      client.send(get());
      await client.responses(2);
      assert.equal(origin.connections.length, 2);
      await (await origin.connection(0)).untilEnded();
    });
  }
});
