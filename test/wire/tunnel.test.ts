/** Upgraded connections: only when both sides said so, and then every byte, both ways, to the end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blockWhen, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, readMessages, readOne, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { type OriginConnection, plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const upgrade =
  'GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: x\r\n\r\n';
const accepted =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n';

async function open(
  origin: RawOrigin,
  edge: TestEdge,
): Promise<{ client: RawClient; upstream: OriginConnection }> {
  const client = await RawClient.connect(edge.address);
  client.send(upgrade);
  const upstream = await origin.connection(0);
  await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
  upstream.write(accepted);
  await client.until((bytes) => bytes.endsWith('\r\n\r\n'));
  return { client, upstream };
}

describe('websocket', () => {
  it('carries bytes both ways, also those sent before the 101 and with it', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(`${upgrade}early`);
    const upstream = await origin.connection(0);
    const head = await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    const request = readOne(head);
    assert.deepEqual(fieldValues(request, 'connection'), ['Upgrade']);
    assert.deepEqual(fieldValues(request, 'upgrade'), ['websocket']);
    upstream.write(`${accepted}hello`);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\nearly'));
    const received = await client.until((bytes) => bytes.endsWith('\r\n\r\nhello'));
    assert.match(
      received,
      /^HTTP\/1\.1 101 Switching Protocols\r\nSec-WebSocket-Accept: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Request-Id: [^\r]+\r\n\r\nhello$/,
    );
    client.send('\x81\x00ping');
    await upstream.until((bytes) => bytes.endsWith('early\x81\x00ping'));
    upstream.write('pong');
    await client.until((bytes) => bytes.endsWith('hellopong'));
    assert.equal(edge.sample('weir_tunnels_open'), 1);
    client.socket.resetAndDestroy();
    await upstream.untilEnded();
    assert.equal(edge.sample('weir_tunnels_open'), 0);
    assert.deepEqual(
      (await edge.accessLines(1)).map((line) => [line['status'], line['outcome']]),
      [[101, 'forwarded']],
    );
  });

  it('the end of one side is passed on, and the other may still speak', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    const { client, upstream } = await open(origin, edge);
    client.end();
    await upstream.untilEnded();
    upstream.write('last words');
    await client.until((bytes) => bytes.endsWith('last words'));
    upstream.socket.end();
    await client.untilEnded();
    client.socket.destroy();
  });

  it('the origin may end first, and the client still speak', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    const { client, upstream } = await open(origin, edge);
    upstream.socket.end();
    await client.untilEnded();
    client.send('last words');
    await upstream.until((bytes) => bytes.endsWith('last words'));
    client.end();
    await upstream.untilEnded();
  });

  it('what the origin sent before it ended reaches a client that reads late', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    const { client, upstream } = await open(origin, edge);
    const size = 8_000_000;
    const before = client.received.length;
    client.socket.pause();
    upstream.socket.end(Buffer.alloc(size, 'x'));
    await origin.wait(() => (upstream.socket.bytesWritten > 0 ? true : undefined));
    client.socket.resume();
    const received = await client.untilEnded();
    assert.equal(received.length - before, size);
    client.socket.destroy();
  });

  it('an origin that declines keeps the connection as HTTP', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(upgrade + upgrade);
    assert.deepEqual((await client.responses(2)).map(statusOf), [200, 200]);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await client.responses(3);
    assert.equal(origin.connections.length, 1);
  });

  for (const [name, request, route] of [
    ['on a route without websockets', upgrade, { websocket: false }],
    ['for a protocol that is not websocket', upgrade.replace('WebSocket', 'h2c'), {}],
    ['without Connection: Upgrade', upgrade.replace('Connection: keep-alive, Upgrade\r\n', ''), {}],
    ['of HTTP/1.0', upgrade.replace('HTTP/1.1', 'HTTP/1.0'), {}],
    ['by POST', upgrade.replace('GET', 'POST'), {}],
    ['with a body', upgrade.replace('\r\n\r\n', '\r\nContent-Length: 1\r\n\r\nx'), {}],
  ] as const) {
    it(`an upgrade ${name} is a plain request, and 101 for it is a fault`, async () => {
      await using origin = await RawOrigin.answering(accepted);
      await using edge = await TestEdge.start({
        ...simpleEdge(origin.url),
        routes: [{ upstream: 'app', ...route }],
      });
      using client = await RawClient.connect(edge.address);
      client.send(request);
      assert.equal(statusOf(await client.response()), 502);
      assert.deepEqual(
        fieldValues(readMessages(origin.received).messages[0] as never, 'upgrade'),
        [],
      );
    });
  }

  it('101 without the fields that belong to it is a fault', async () => {
    await using origin = await RawOrigin.answering('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(upgrade);
    assert.equal(statusOf(await client.response()), 502);
  });

  it('is cut after its idle time, not before the time of a response', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      simpleEdge(origin.url, { timeouts: { tunnelIdleMs: 300, responseMs: 60_000 } }),
    );
    const { client, upstream } = await open(origin, edge);
    upstream.write('x');
    await client.untilEnded();
    assert.ok(client.received.endsWith('\r\n\r\nx'));
    await upstream.untilEnded();
    assert.equal(edge.sample('weir_limits_reached_total{reason="tunnel silent too long"}'), 1);
    assert.equal(edge.sample('weir_upstream_failures_total{reason="timeout"}'), 0);
  });
});

describe('CONNECT, on a listener that tunnels it', () => {
  const connect = 'CONNECT db.test:5432 HTTP/1.1\r\nHost: other.test\r\n\r\n';
  const listeners = [{ address: '127.0.0.1:0', plaintext: true, connect: 'tunnel' }];

  it('goes to the upstream of its route, whose 2xx begins the tunnel', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start({ ...simpleEdge(origin.url), listeners });
    using client = await RawClient.connect(edge.address);
    client.send(`${connect}early`);
    const upstream = await origin.connection(0);
    const head = await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    assert.match(head, /^CONNECT db\.test:5432 HTTP\/1\.1\r\n/);
    assert.deepEqual(fieldValues(readOne(head), 'host'), ['db.test:5432']);
    // What such a head says of a body is not so (RFC 9110 section 9.3.6).
    upstream.write('HTTP/1.1 200 Yes\r\nContent-Length: 2\r\nVia: a\r\n\r\nhello');
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\nearly'));
    const received = await client.until((bytes) => bytes.endsWith('hello'));
    assert.match(received, /^HTTP\/1\.1 200 Yes\r\nVia: a\r\nX-Request-Id: [^\r]+\r\n\r\nhello$/);
    client.send('GET / HTTP/1.1\r\n\r\n');
    await upstream.until((bytes) => bytes.endsWith('earlyGET / HTTP/1.1\r\n\r\n'));
    assert.equal(edge.sample('weir_tunnels_open'), 1);
    upstream.socket.end();
    await client.untilEnded();
    client.end();
    await upstream.untilEnded();
    const [line] = await edge.accessLines(1);
    assert.deepEqual(
      [line?.['method'], line?.['path'], line?.['status'], line?.['outcome']],
      ['CONNECT', 'db.test:5432', 200, 'forwarded'],
    );
  });

  it('is an answer like any other where the upstream declines, and nothing behind it is a request', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno',
    );
    await using edge = await TestEdge.start({ ...simpleEdge(origin.url), listeners });
    using client = await RawClient.connect(edge.address);
    client.send(`${connect}GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    const all = await client.untilEnded();
    assert.match(all, /^HTTP\/1\.1 403 No\r\n/);
    assert.equal(all.match(/HTTP\/1\.1 \d/g)?.length, 1);
    assert.doesNotMatch(origin.received, /smuggled/);
  });

  it('is stopped by rules before it goes anywhere', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      listeners,
      routes: [{ upstream: 'app', waf: { rules: ['text'] } }],
      modules: { text: blockWhen('CONNECT db.test', 418) },
    });
    using client = await RawClient.connect(edge.address);
    client.send(connect);
    assert.equal(statusOf(await client.response()), 418);
    assert.equal(origin.connections.length, 0);
  });

  for (const [name, request, upstream, status] of [
    ['with a body', connect.replace('\r\n\r\n', '\r\nContent-Length: 2\r\n\r\nhi'), {}, 400],
    ['without a port', connect.replace(':5432', ''), {}, 400],
    ['in other letters', connect.replace('CONNECT', 'Connect'), {}, 400],
    ['where the upstream speaks HTTP/2', connect, { protocol: 'http2' }, 405],
  ] as const) {
    it(`is refused ${name}`, async () => {
      await using origin = await RawOrigin.start();
      await using edge = await TestEdge.start({
        listeners,
        upstreams: { app: { servers: [{ url: origin.url }], ...upstream } },
        routes: [{ upstream: 'app' }],
      });
      using client = await RawClient.connect(edge.address);
      client.send(request);
      assert.match(await client.untilEnded(), new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.equal(origin.connections.length, 0);
    });
  }
});
