/** What changes under running traffic: configuration and the end of the process. Nothing in flight is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blockWhen, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readMessages, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
const answer = (body: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('a new configuration', () => {
  it('holds for the next request of a connection; the one in flight ends under the old one', async () => {
    await using old = await RawOrigin.start();
    await using fresh = await RawOrigin.answering(answer('new'));
    await using edge = await TestEdge.start(simpleEdge(old.url));
    using client = await RawClient.connect(edge.address);
    client.send(get('/first') + get('/second'));
    const upstream = await old.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    await edge.reload(simpleEdge(fresh.url));
    assert.equal(upstream.ended, false);
    upstream.write(answer('old'));
    assert.deepEqual(
      (await client.responses(2)).map(({ body }) => body),
      ['old', 'new'],
    );
    await upstream.untilEnded();
    assert.equal(edge.proxy.generation, 2);
  });

  it('keeps connections to servers that stay', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get());
    await client.response();
    await edge.reload({
      ...simpleEdge(origin.url),
      routes: [{ upstream: 'app', waf: { rules: ['words'] } }],
      modules: { words: blockWhen('attack') },
    });
    client.send(get() + get('/attack'));
    assert.deepEqual((await client.responses(3)).map(statusOf), [200, 200, 403]);
    assert.equal(origin.connections.length, 1);
  });

  it('serves requests that wait for a connection to a server that is no longer configured', async () => {
    await using origin = await RawOrigin.start();
    await using fresh = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url, {}, { connectionsMax: 1 }));
    using first = await RawClient.connect(edge.address);
    using second = await RawClient.connect(edge.address);
    first.send(get('/1'));
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    second.send(get('/2'));
    // A third connection is answered by the edge itself, so the second's bytes have been read before.
    using third = await RawClient.connect(edge.address);
    third.send('GET\r\n\r\n');
    await third.response();
    await edge.reload(simpleEdge(fresh.url));
    upstream.write(answer('1'));
    await first.response();
    await upstream.until((bytes) => readMessages(bytes).messages.length === 2);
    upstream.write(answer('2'));
    assert.equal((await second.response()).body, '2');
    await upstream.untilEnded();
  });

  it('one that cannot be prepared changes nothing', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    await assert.rejects(
      edge.reload({ ...simpleEdge(origin.url), routes: [{ upstream: 'missing' }] }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get());
    assert.equal(statusOf(await client.response()), 200);
    assert.equal(edge.proxy.generation, 1);
  });

  it('takes a new bound on header fields at once', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get());
    await client.response();
    await edge.reload(simpleEdge(origin.url, { limits: { headersMax: 1 } }));
    client.send(get().replace('\r\n\r\n', '\r\nA: 1\r\n\r\n'));
    assert.deepEqual((await client.responses(2)).map(statusOf), [200, 431]);
  });
});

describe('draining', () => {
  it('closes idle connections, finishes what is in flight, and takes no new ones', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using idle = await RawClient.connect(edge.address);
    using busy = await RawClient.connect(edge.address);
    busy.send(get('/1') + get('/2'));
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    const drained = edge.proxy.drain(60_000, 0);
    assert.equal(await idle.untilEnded(), '');
    idle.end();
    upstream.write(answer('1'));
    const received = await busy.untilEnded();
    busy.end();
    const { messages } = readMessages(received);
    assert.equal(messages.length, 1);
    assert.deepEqual(fieldValues(messages[0] as never, 'connection'), ['close']);
    await drained;
    using late = await RawClient.connect(edge.address);
    assert.equal(late.error, 'ECONNREFUSED');
  });

  it('lets an idle connection be used once more, and tells it then that it closes', async () => {
    await using origin = await RawOrigin.answering(answer('1'));
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using used = await RawClient.connect(edge.address);
    using unused = await RawClient.connect(edge.address);
    used.send(get('/1'));
    await used.response();
    unused.send(get('/1'));
    await unused.response();
    const drained = edge.proxy.drain(60_000, 150);
    used.send(get('/2'));
    const { messages } = readMessages(await used.untilEnded());
    assert.deepEqual(fieldValues(messages[1] as never, 'connection'), ['close']);
    used.end();
    assert.equal(readMessages(await unused.untilEnded()).messages.length, 1);
    unused.end();
    await drained;
  });

  it('cuts what is left when its time is over', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get());
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    await edge.proxy.drain(1, 0);
    await client.untilEnded();
    await upstream.untilEnded();
    assert.equal(edge.sample('weir_connections_timed_out_total{limit="drain"}'), 1);
  });
});
