/** TCP passed through: bytes as they are, each half by itself, and nothing kept that nobody reads. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import { encodeProxyHeader } from '#proxy/listener/encode-proxy-header.ts';
import { type EdgeOptions, TestEdge } from '../support/edge.ts';
import { RawClient } from '../support/raw-client.ts';
import { RawOrigin } from '../support/raw-origin.ts';

function through(
  urls: readonly string[],
  tcp: Record<string, unknown> = {},
  edge: Record<string, unknown> = {},
): EdgeOptions {
  return {
    edge,
    upstreams: { app: { servers: urls.map((url) => ({ url })) } },
    routes: [{ upstream: 'app' }],
    listeners: [{ address: '127.0.0.1:0', tcp: { upstream: 'app', ...tcp } }],
  };
}

/** A port that was free a moment ago: nobody listens there. */
async function closedUrl(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

describe('TCP pass-through', () => {
  it('carries any bytes both ways, and each side may end its half first', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(through([origin.url]));
    using client = await RawClient.connect(edge.address);
    client.send('\x00\xff HTTP/9 \r\n');
    const server = await origin.connection(0);
    await server.until((bytes) => bytes === '\x00\xff HTTP/9 \r\n');
    client.end();
    await server.untilEnded();
    // The client has ended and still hears the answer.
    server.write('late answer');
    server.socket.end();
    assert.equal(await client.untilEnded(), 'late answer');
    await edge.until('weir_tcp_connections_open', 0);
    assert.equal(edge.sample('weir_tcp_received_bytes_total'), 12);
    assert.equal(edge.sample('weir_tcp_sent_bytes_total'), 11);
    assert.equal(edge.sample('weir_connections_open'), 0);
  });

  it('goes on to the server after it has ended its half', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(through([origin.url]));
    using client = await RawClient.connect(edge.address);
    const server = await origin.connection(0);
    server.write('all I have');
    server.socket.end();
    await client.untilEnded();
    client.send('thanks');
    client.end();
    await server.untilEnded();
    assert.equal(server.received, 'thanks');
  });

  it('keeps no more than its buffers of what nobody reads, and loses nothing', async () => {
    const sent = randomBytes(30_000_000);
    await using origin = await RawOrigin.start((connection) => connection.socket.pause());
    await using edge = await TestEdge.start(through([origin.url]));
    using client = await RawClient.connect(edge.address);
    client.socket.write(sent);
    const server = await origin.connection(0);
    for (let i = 0; i < 300; i++) await new Promise((resolve) => setImmediate(resolve));
    // Both kernels' buffers and the edge's own hold a part; the rest waits at the client.
    assert.ok(client.socket.writableLength > 0);
    assert.ok(edge.sample('weir_tcp_received_bytes_total') < sent.length);
    client.end();
    server.socket.resume();
    await server.untilEnded();
    assert.ok(Buffer.from(server.received, 'latin1').equals(sent));
  });

  it('a client that goes away takes the server’s connection with it, and the other way round', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(through([origin.url]));
    using first = await RawClient.connect(edge.address);
    const one = await origin.connection(0);
    first.socket.resetAndDestroy();
    await one.untilEnded();
    using second = await RawClient.connect(edge.address);
    const two = await origin.connection(1);
    two.socket.resetAndDestroy();
    await second.untilEnded();
    assert.equal(second.error, 'ECONNRESET');
    await edge.until('weir_tcp_connections_open', 0);
  });

  it('is cut when it has been silent too long', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(through([origin.url], { idleMs: 50 }));
    using client = await RawClient.connect(edge.address);
    const server = await origin.connection(0);
    await client.untilEnded();
    await server.untilEnded();
    assert.equal(edge.sample('weir_connections_timed_out_total{limit="tcp-idle"}'), 1);
  });

  it('passes over a server that cannot be reached', async () => {
    await using origin = await RawOrigin.start((connection) => connection.write('hello'));
    await using edge = await TestEdge.start(through([await closedUrl(), origin.url]));
    using client = await RawClient.connect(edge.address);
    assert.equal(await client.until((bytes) => bytes === 'hello'), 'hello');
    assert.equal(edge.sample('weir_tcp_upstream_failures_total'), 0);
  });

  it('ends when no server can be reached, and counts it', async () => {
    await using edge = await TestEdge.start(through([await closedUrl()]));
    using client = await RawClient.connect(edge.address);
    assert.equal(await client.untilEnded(), '');
    assert.equal(edge.sample('weir_tcp_upstream_failures_total'), 1);
  });

  it('tells the server whose connection it is, where it is told to', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(through([origin.url], { sendProxyProtocol: 'v2' }));
    using client = await RawClient.connect(edge.address, '127.0.0.3');
    client.send('hello');
    const server = await origin.connection(0);
    const port = Number(edge.address.split(':')[1]);
    const header = encodeProxyHeader('127.0.0.3', client.socket.localPort ?? 0, '127.0.0.1', port);
    const expected = `${header.toString('latin1')}hello`;
    assert.equal(await server.until((bytes) => bytes.length >= expected.length), expected);
  });

  it('hands on the client of a PROXY header, of another family than its own', async () => {
    await using origin = await RawOrigin.start();
    const options = through([origin.url], { sendProxyProtocol: 'v2' });
    await using edge = await TestEdge.start({
      ...options,
      listeners: [{ ...options.listeners?.[0], proxyProtocol: { from: ['127.0.0.1'] } }],
    });
    using client = await RawClient.connect(edge.address);
    client.send('PROXY TCP6 2001:db8::7 2001:db8::1 1000 443\r\nhello');
    const server = await origin.connection(0);
    const received = await server.until((bytes) => bytes.endsWith('hello'));
    assert.equal(Buffer.from(received, 'latin1').toString('hex', 13, 14), '21');
    assert.equal(
      Buffer.from(received, 'latin1').toString('hex', 16, 32),
      '20010db8000000000000000000000007',
    );
  });

  it('is for nobody on the block list, and cut for who gets on it', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(through([origin.url]));
    using client = await RawClient.connect(edge.address);
    await origin.connection(0);
    edge.proxy.applyBlocks(1, [{ target: '127.0.0.1', expiresAtMs: null }], []);
    await client.untilEnded();
    using late = await RawClient.connect(edge.address);
    await late.untilEnded();
    assert.equal(origin.connections.length, 1);
    assert.equal(edge.sample('weir_connections_refused_total{reason="blocked"}'), 2);
  });

  it('has the limit by address', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(
      through([origin.url], {}, { limits: { addressConnectionsMax: 1, unlimitedAddresses: [] } }),
    );
    using first = await RawClient.connect(edge.address);
    await origin.connection(0);
    using second = await RawClient.connect(edge.address);
    await second.untilEnded();
    assert.equal(edge.sample('weir_connections_refused_total{reason="address-limit"}'), 1);
    assert.equal(first.ended, false);
  });
});
