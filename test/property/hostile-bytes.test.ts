/**
 * Random and nearly right bytes at every reader that comes before a request: nothing throws, nothing that
 * was counted in stays, and everybody else is served.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { TestEdge } from '../support/edge.ts';
import { HostileBytes } from '../support/hostile-bytes.ts';
import { statusOf } from '../support/http-read.ts';
import { Http2Client } from '../support/http2-client.ts';
import { Http2Peer, http2Edge } from '../support/http2-peer.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const seed = Number(process.env['FC_SEED'] ?? randomInt(2 ** 31));
const hostile = new HostileBytes(seed);
/** At a time; with more the kernel's queues are what is tested. */
const parallel = 60;

const limits = { shedAtRequests: 1_000, addressHandshakesPerSecondMax: 1_000_000 };
const timeouts = {
  handshakeMs: 300,
  headMs: 300,
  bodyIdleMs: 300,
  idleMs: 300,
  sendMs: 300,
  responseMs: 300,
};

describe(`hostile bytes (FC_SEED=${seed})`, () => {
  let origin: RawOrigin;
  let edge: TestEdge;
  before(async () => {
    origin = await RawOrigin.answering((request) =>
      request.includes(' /wait') ? '' : plainAnswer,
    );
    edge = await TestEdge.start(await options());
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  /** By listener: TLS, PROXY header, PROXY header and TLS, cleartext of both versions. */
  async function options(edgeLimits: Record<string, number> = limits) {
    const made = await http2Edge(origin.url, { timeouts, limits: edgeLimits });
    const [secure = {}] = made.listeners ?? [];
    const [certificate] = made.certificates ?? [];
    assert.ok(certificate);
    const address = '127.0.0.1:0';
    const proxyProtocol = { from: ['127.0.0.0/8'] };
    return {
      ...made,
      listeners: [
        secure,
        { address, plaintext: true, http2: true, proxyProtocol },
        { ...secure, proxyProtocol },
        { address, plaintext: true, http2: true },
      ],
      certificates: [certificate, { ...certificate, listener: 2 }],
    };
  }

  /** Sends, in pieces, and lets go in one of three ways; a part is left for the edge's own limits. */
  async function throwAt(socket: net.Socket, bytes: Buffer): Promise<void> {
    const closed = once(socket, 'close').catch(() => {});
    socket.on('error', () => {});
    socket.on('data', () => {});
    for (let at = 0; at < bytes.length && !socket.destroyed; ) {
      const size = 1 + hostile.below(hostile.oneOf([4, 100, 20_000]));
      socket.write(bytes.subarray(at, at + size));
      at += size;
      if (hostile.below(4) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const end = hostile.below(4);
    if (end === 0) socket.destroy();
    else if (end === 1) socket.end();
    else if (end === 2 && !(socket instanceof tls.TLSSocket)) socket.resetAndDestroy();
    await closed;
  }

  const dial = (listener: number): net.Socket =>
    net.connect({ host: '127.0.0.1', port: portOf(listener) });
  const portOf = (listener: number): number =>
    Number((edge.addresses[listener] as string).split(':').at(-1));

  async function many(count: number, one: () => Promise<void>): Promise<void> {
    let left = count;
    await Promise.all(
      Array.from({ length: parallel }, async () => {
        while (left-- > 0) await one();
      }),
    );
    await allIsAsBefore();
  }

  /** Nothing is open, nothing is counted as under way, and both versions are served. */
  async function allIsAsBefore(): Promise<void> {
    for (const gauge of [
      'weir_connections_open',
      'weir_tls_handshakes_open',
      'weir_http2_sessions_open',
      'weir_http2_streams_open',
      'weir_tunnels_open',
    ])
      await edge.until(gauge, 0);
    for (const [key, value] of edge.proxy.samples()) assert.ok(value >= 0, `${key} is ${value}`);
    // With room for one request, one that was never counted out would turn this away.
    await edge.reload(await options({ ...limits, shedAtRequests: 1 }));
    using plain = await RawClient.connect(edge.addresses[3] as string);
    plain.send('GET / HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n');
    assert.equal(statusOf(await plain.response()), 200);
    plain.end();
    const client = new Http2Client(edge.address);
    assert.equal((await client.request({})).status, 200);
    client.session.destroy();
    await edge.until('weir_connections_open', 0);
    await edge.reload(await options());
  }

  it('HTTP/2 frames in cleartext', () => many(500, () => throwAt(dial(3), hostile.http2Session())));

  it('HTTP/2 frames inside TLS', () =>
    many(60, async () => {
      const peer = await Http2Peer.connect(edge.address);
      await throwAt(peer.socket, hostile.http2Session());
    }));

  it('PROXY headers', () =>
    many(400, () =>
      throwAt(dial(1), Buffer.concat([hostile.proxyHeader(), hostile.http2Session()])),
    ));

  it('client hellos, also behind a PROXY header', async () => {
    const hello = await helloOf({ ALPNProtocols: ['h2'], servername: 'edge.test' });
    await many(400, () =>
      hostile.below(2) === 0
        ? throwAt(dial(0), hostile.mutated(hello))
        : throwAt(dial(2), Buffer.concat([hostile.proxyHeader(), hostile.mutated(hello)])),
    );
  });
});

/** What Node's own client begins with. */
async function helloOf(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = tls.connect({ ...options, port: (server.address() as net.AddressInfo).port });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  client.destroy();
  server.close();
  return bytes;
}
