/** Back-pressure over HTTP/2 both ways, fairness between streams, and the orderly end of a session. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { TestEdge } from '../support/edge.ts';
import { readMessages } from '../support/http-read.ts';
import { Http2Client } from '../support/http2-client.ts';
import {
  data,
  GOAWAY,
  Http2Peer,
  headers,
  http2Edge,
  PING,
  post,
  RST_STREAM,
  simpleRequest,
  WINDOW_UPDATE,
  windowUpdate,
} from '../support/http2-peer.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const streamWindow = 262_144;
const full = (id: number, bytes: number): Uint8Array[] =>
  Array.from({ length: bytes / 16_384 }, () => data(id, Buffer.alloc(16_384, 'x'), 0));

/** An edge with one connection to its origin, so that a second request waits. */
const narrow = async (url: string) => ({
  ...(await http2Edge(url)),
  upstreams: { app: { servers: [{ url }], connectionsMax: 1 } },
});

describe('request bodies', () => {
  it('no window is given for what the upstream has not taken; it is given when it takes', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(await narrow(origin.url));
    using peer = await Http2Peer.greeted(edge.address);
    peer.send(headers(1));
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    peer.send(post(3), ...full(3, streamWindow));
    await peer.settled();
    const given = (): number => peer.of(WINDOW_UPDATE, 3).length;
    assert.equal(given(), 0);
    assert.equal(peer.complaint, '');
    upstream.write(plainAnswer);
    await peer.wait(() => (given() > 0 ? true : undefined));
    peer.send(data(3, 'end'));
    await upstream.until((bytes) => readMessages(bytes).messages.length === 2);
    upstream.write(plainAnswer);
    assert.equal((await peer.body(3)).toString(), 'ok');
    assert.equal(readMessages(upstream.received).messages[1]?.body.length, streamWindow + 3);
  });

  it('one byte beyond the window of a stream: FLOW_CONTROL_ERROR', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(await narrow(origin.url));
    using peer = await Http2Peer.greeted(edge.address);
    peer.send(headers(1));
    await origin.connection(0);
    peer.send(post(3), ...full(3, streamWindow), data(3, 'x', 0));
    await peer.first((one) => one.type === RST_STREAM);
    assert.equal(peer.complaint, 'reset 3 on 3');
  });

  it('beyond the window of the session: the session ends', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(await narrow(origin.url));
    using peer = await Http2Peer.greeted(edge.address);
    peer.send(headers(1));
    await origin.connection(0);
    for (const id of [3, 5, 7, 9]) peer.send(post(id), ...full(id, streamWindow));
    await peer.settled();
    assert.equal(peer.complaint, '');
    peer.send(post(11), data(11, 'x', 0));
    await peer.first((one) => one.type === GOAWAY);
    assert.equal(peer.complaint, 'goaway 3');
  });

  it('what a reset stream held is given back to the session', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(await narrow(origin.url));
    using peer = await Http2Peer.greeted(edge.address);
    peer.send(headers(1));
    await origin.connection(0);
    for (const id of [3, 5, 7, 9]) peer.send(post(id), ...full(id, streamWindow));
    await peer.settled();
    const before = peer.of(WINDOW_UPDATE, 0).length;
    for (const id of [3, 5])
      peer.send(Buffer.from([0, 0, 4, RST_STREAM, 0, 0, 0, 0, id, 0, 0, 0, 8]));
    await peer.wait(() => (peer.of(WINDOW_UPDATE, 0).length > before ? true : undefined));
    assert.equal(peer.of(WINDOW_UPDATE, 0).at(-1)?.payload.readUInt32BE(0), streamWindow * 2);
  });
});

describe('responses', () => {
  const big = 40_000_000;
  const bigAnswer = `HTTP/1.1 200 OK\r\nContent-Length: ${big}\r\n\r\n${'x'.repeat(big)}`;

  it('an origin waits for a client that gives no window, and other streams do not', async () => {
    await using origin = await RawOrigin.answering((request) =>
      request.startsWith('GET /small') ? plainAnswer : bigAnswer,
    );
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using peer = await Http2Peer.greeted(edge.address);
    peer.send(windowUpdate(0, 1_000_000), headers(1));
    const small = simpleRequest.map(([name, value]) =>
      name === ':path' ? ([name, '/small'] as const) : ([name, value] as const),
    );
    const received = (): number => peer.of(0, 1).reduce((sum, one) => sum + one.payload.length, 0);
    await peer.wait(() => (received() === 65_535 ? true : undefined));
    peer.send(headers(3, small));
    assert.equal((await peer.body(3)).toString(), 'ok');
    assert.equal(received(), 65_535);
    assert.ok((origin.connections[0]?.socket.writableLength ?? 0) > 0, 'the rest is still there');
    peer.send(windowUpdate(1, 100_000));
    await peer.wait(() => (received() === 165_535 ? true : undefined));
  });

  it('streams share a window in turns, a frame each', async () => {
    await using origin = await RawOrigin.answering(
      `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`,
    );
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using peer = await Http2Peer.greeted(edge.address, [4, 10_000_000]);
    const count = (id: number): number =>
      peer.of(0, id).reduce((sum, one) => sum + one.payload.length, 0);
    // The session's first window goes to whoever is first; then all wait.
    peer.send(headers(1), headers(3), headers(5));
    await peer.wait(() => (count(1) + count(3) + count(5) === 65_535 ? true : undefined));
    await Promise.all([1, 3, 5].map((id) => peer.response(id)));
    const before = [1, 3, 5].map(count);
    peer.send(windowUpdate(0, 16_384 * 6));
    await peer.wait(() =>
      count(1) + count(3) + count(5) === 65_535 + 16_384 * 6 ? true : undefined,
    );
    const gained = [1, 3, 5].map((id, i) => count(id) - (before[i] as number));
    assert.ok(Math.min(...gained) >= 16_384, `each its turn: ${gained}`);
  });

  it('a client that does not read is not read for, and gets all when it does', async () => {
    await using origin = await RawOrigin.answering(bigAnswer);
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using peer = await Http2Peer.greeted(edge.address, [4, 0x7fff_ffff]);
    peer.send(windowUpdate(0, 0x7000_0000), headers(1));
    await peer.response(1);
    peer.socket.pause();
    for (let i = 0; i < 500; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok((origin.connections[0]?.socket.writableLength ?? 0) > 0, 'the origin waits');
    peer.socket.resume();
    assert.equal((await peer.body(1)).length, big);
  });
});

describe('the end of a session', () => {
  it('a drain warns, serves what is on its way, names the last stream, and closes when all is done', async () => {
    await using origin = await RawOrigin.start((connection) =>
      connection.socket.on('data', () => {
        if (connection.received.includes('/late')) connection.write(plainAnswer);
      }),
    );
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using peer = await Http2Peer.greeted(edge.address);
    peer.send(headers(1));
    const upstream = await origin.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    const drained = edge.proxy.drain(60_000, 0);
    const ping = await peer.first((one) => one.type === PING);
    const warning = await peer.first((one) => one.type === GOAWAY);
    assert.equal(warning.payload.readUInt32BE(0), 0x7fff_ffff);
    // Sent before the client could know better.
    peer.send(
      headers(3, [...simpleRequest.slice(0, 3), [':path', '/late']]),
      Buffer.concat([Buffer.from([0, 0, 8, PING, 1, 0, 0, 0, 0]), ping.payload]),
    );
    await peer.wait(() => (peer.of(GOAWAY).length === 2 ? true : undefined));
    assert.equal(peer.of(GOAWAY)[1]?.payload.readUInt32BE(0), 3);
    assert.equal((await peer.body(3)).toString(), 'ok');
    assert.equal(peer.ended, false);
    peer.send(headers(5));
    await peer.first((one) => one.type === RST_STREAM);
    assert.equal(peer.complaint, 'reset 7 on 5');
    upstream.write(plainAnswer);
    await peer.body(1);
    await peer.untilEnded();
    peer.socket.destroy();
    await drained;
    assert.equal(edge.sample('weir_http2_sessions_ended_total{reason="orderly"}'), 1);
  });

  it('a client that says nothing to the warning has a second, then the last stream is named', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using peer = await Http2Peer.greeted(edge.address);
    await peer.settled();
    void edge.proxy.drain(60_000, 0);
    await peer.wait(() => (peer.of(GOAWAY).length === 2 ? true : undefined));
    await peer.untilEnded();
  });

  it('a client that says nothing to the warning is served for as long as idle connections are', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using patient = await TestEdge.start(await http2Edge(origin.url));
    await using hasty = await TestEdge.start(await http2Edge(origin.url));
    using served = await Http2Peer.greeted(patient.address);
    using other = await Http2Peer.greeted(hasty.address);
    await Promise.all([served.settled(), other.settled()]);
    void patient.proxy.drain(60_000, 60_000);
    void hasty.proxy.drain(60_000, 0);
    await other.wait(() => (other.of(GOAWAY).length === 2 ? true : undefined));
    served.send(headers(1));
    assert.equal((await served.body(1)).toString(), 'ok');
    assert.equal(served.of(GOAWAY).length, 1);
  });

  it('after the last request a connection may carry, GOAWAY', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      await http2Edge(origin.url, { limits: { requestsPerConnectionMax: 2 } }),
    );
    using client = new Http2Client(edge.address);
    await client.request({});
    assert.equal(client.goaways.length, 0);
    assert.equal((await client.request({})).status, 200);
    await once(client.session, 'close');
    assert.deepEqual(client.goaways, [0x7fff_ffff, 3]);
  });

  it('a client that goes away ends what is done for it', async () => {
    await using origin = await RawOrigin.start();
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using peer = await Http2Peer.greeted(edge.address);
    peer.send(headers(1), headers(3));
    const upstream = await origin.connection(1);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    peer.socket.destroy();
    await Promise.all(origin.connections.map((connection) => connection.untilEnded()));
    await edge.until('weir_http2_sessions_open', 0);
    assert.equal(edge.sample('weir_http2_streams_open'), 0);
    assert.equal(edge.sample('weir_requests_total{outcome="aborted"}'), 2);
  });
});
