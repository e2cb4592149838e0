/** Connections that live on: who keeps them, in which order answers come, and when they end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readMessages, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = (path: string, fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;

describe('keep-alive', () => {
  it('writes exactly these bytes to the origin and to the client', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 200 Fine\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok',
    );
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('GET /a?b=1 HTTP/1.1\r\nhost:a.test\r\nAccept:  */*  \r\n\r\n');
    const response = await client.response();
    const id = fieldValues(response, 'x-request-id')[0] as string;
    assert.match(id, /^[0-9a-f]{16}-[0-9a-f]{8}$/);
    assert.equal(
      client.received,
      `HTTP/1.1 200 Fine\r\nX-A: 1\r\nContent-Length: 2\r\nX-Request-Id: ${id}\r\n\r\nok`,
    );
    assert.equal(
      origin.received,
      'GET /a?b=1 HTTP/1.1\r\nhost: a.test\r\nAccept: */*\r\n' +
        'X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.test\r\n' +
        `Forwarded: for=127.0.0.1;host="a.test";proto=http\r\nX-Request-Id: ${id}\r\n\r\n`,
    );
  });

  it('serves many requests over one connection on each side', async () => {
    await using origin = await RawOrigin.answering((request) => {
      const path = request.split(' ')[1] as string;
      return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`;
    });
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    for (let i = 1; i <= 5; i++) {
      client.send(get(`/${i}`));
      const responses = await client.responses(i);
      assert.equal(responses.at(-1)?.body, `/${i}`);
    }
    assert.equal(origin.connections.length, 1);
  });

  it('answers pipelined requests in their order, one at a time at the origin', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get('/1') + get('/2') + get('/3'));
    const upstream = await origin.connection(0);
    for (let i = 1; i <= 3; i++) {
      const received = await upstream.until((bytes) => readMessages(bytes).messages.length >= i);
      assert.equal(
        readMessages(received).messages.length,
        i,
        'the next request waits for its turn',
      );
      upstream.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${i}`);
      await client.responses(i);
    }
    assert.deepEqual(
      (await client.responses(3)).map(({ body }) => body),
      ['1', '2', '3'],
    );
    assert.equal(origin.connections.length, 1);
  });

  it('keeps the order when answers of its own stand between those of the origin', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      routes: [{ match: { path: '/app' }, upstream: 'app' }],
    });
    using client = await RawClient.connect(edge.address);
    client.send(['/x', '/y', '/app', '/z', '/app', '/x', '/x'].map((path) => get(path)).join(''));
    const responses = await client.responses(7);
    assert.deepEqual(responses.map(statusOf), [404, 404, 200, 404, 200, 404, 404]);
  });

  it('answers a thousand tiny pipelined requests itself without running out of stack', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      routes: [{ match: { path: '/app' }, upstream: 'app' }],
    });
    using client = await RawClient.connect(edge.address);
    client.send(get('/').repeat(1_000) + get('/', 'Connection: close\r\n'));
    const received = await client.untilEnded();
    const { messages, rest } = readMessages(received);
    assert.equal(messages.length, 1_001);
    assert.ok(messages.every((message) => statusOf(message) === 404));
    assert.equal(rest, '');
    assert.equal(origin.connections.length, 0);
  });

  it('reads a pipelined request that arrives byte by byte behind another', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    const second = get('/second');
    await client.sendSplit(
      get('/first') + second,
      [...second].map((_, i) => get('/first').length + i),
    );
    const responses = await client.responses(2);
    assert.deepEqual(responses.map(statusOf), [200, 200]);
  });

  it('closes after the answer when asked to, and drops what follows', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get('/1', 'Connection: close\r\n') + get('/2'));
    const { messages, rest } = readMessages(await client.untilEnded());
    assert.equal(messages.length, 1);
    assert.deepEqual(fieldValues(messages[0] as (typeof messages)[number], 'connection'), [
      'close',
    ]);
    assert.equal(rest, '');
    assert.equal(readMessages(origin.received).messages.length, 1);
  });

  it('answers a client that has closed its sending side', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get('/half'));
    client.end();
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    upstream.write(plainAnswer);
    assert.equal(readMessages(await client.untilEnded()).messages[0]?.body, 'ok');
  });

  for (const [name, fields, keeps] of [
    ['closes by default', '', false],
    ['keeps the connection when asked to', 'Connection: keep-alive\r\n', true],
    ['closes when told both', 'Connection: keep-alive, close\r\n', false],
  ] as const) {
    it(`HTTP/1.0: ${name}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(`GET / HTTP/1.0\r\nHost: a.test\r\n${fields}\r\n`);
      const response = await client.response();
      assert.deepEqual(fieldValues(response, 'connection'), [keeps ? 'keep-alive' : 'close']);
      if (keeps) {
        client.send('GET / HTTP/1.0\r\nHost: a.test\r\n\r\n');
        await client.responses(2);
      }
      assert.equal(readMessages(await client.untilEnded()).messages.length, keeps ? 2 : 1);
    });
  }

  it('HTTP/1.0 without Host: the origin still gets exactly one', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.0\r\n\r\n');
    assert.equal(statusOf(await client.response()), 200);
    const [request] = readMessages(origin.received).messages;
    assert.deepEqual(fieldValues(request as NonNullable<typeof request>, 'host'), ['']);
  });

  it('skips one empty line before a request, as section 2.2 of RFC 9112 asks', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(`\r\n${get('/1')}\r\n${get('/2')}`);
    assert.deepEqual((await client.responses(2)).map(statusOf), [200, 200]);
  });
});
