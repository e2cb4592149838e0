/**
 * Floods over HTTP/2: each ends its own session with ENHANCE_YOUR_CALM within 300 frames, is counted by
 * name, and leaves a bystander's session as it was. And the time limits of a session.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TestEdge } from '../support/edge.ts';
import { readMessages } from '../support/http-read.ts';
import { floods, framesMax, many, odd } from '../support/http2-floods.ts';
import {
  data,
  END_STREAM,
  frame,
  GOAWAY,
  Http2Peer,
  headers,
  http2Edge,
  PING,
  PREFACE,
  post,
  RST_STREAM,
  reset,
  settings,
  simpleRequest,
  windowUpdate,
} from '../support/http2-peer.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

describe('floods', () => {
  let origin: RawOrigin;
  let edge: TestEdge;
  let bystander: Http2Peer;
  let nextId = 1;
  before(async () => {
    origin = await RawOrigin.answering((request) =>
      request.startsWith('GET /wait') ? '' : plainAnswer,
    );
    edge = await TestEdge.start(await http2Edge(origin.url));
    bystander = await Http2Peer.greeted(edge.address);
  });
  after(async () => {
    bystander[Symbol.dispose]();
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  for (const [ending, title, frames] of floods) {
    it(`${title}: ends as ${ending}`, async () => {
      const key = `weir_http2_sessions_ended_total{reason="${ending}"}`;
      const before = edge.sample(key);
      using peer = await Http2Peer.greeted(edge.address);
      assert.ok(frames.length <= framesMax);
      peer.send(...frames);
      bystander.send(headers(nextId));
      const goaway = await peer.first((one) => one.type === GOAWAY);
      assert.equal(goaway.payload.readUInt32BE(4), 11, 'ENHANCE_YOUR_CALM');
      await peer.untilEnded();
      assert.equal(edge.sample(key), before + 1);
      assert.equal((await bystander.body(nextId)).toString(), 'ok');
      nextId += 2;
      // What was being done for the session ends with it.
      assert.equal(edge.sample('weir_http2_streams_open'), 0);
      assert.equal(bystander.complaint, '');
    });
  }

  it('requests worked on at the origin end when their stream is reset', async () => {
    await using idle = await RawOrigin.start();
    await using front = await TestEdge.start(await http2Edge(idle.url));
    using peer = await Http2Peer.greeted(front.address);
    peer.send(headers(1));
    const upstream = await idle.connection(0);
    await upstream.until((bytes) => bytes.endsWith('\r\n\r\n'));
    peer.send(reset(1));
    await upstream.untilEnded();
    assert.equal(front.sample('weir_http2_streams_reset_total{by="client"}'), 1);
    const [line] = await front.accessLines(1);
    assert.deepEqual(
      [line?.['outcome'], line?.['status'], line?.['reason']],
      ['aborted', 499, 'client reset the stream'],
    );
  });

  it('a request taken back before it was begun is the client’s doing, no refusal', async () => {
    await using idle = await RawOrigin.start();
    await using front = await TestEdge.start(await http2Edge(idle.url));
    using peer = await Http2Peer.greeted(front.address);
    peer.send(Buffer.concat([headers(1), reset(1)]));
    const [line] = await front.accessLines(1);
    assert.deepEqual(
      [line?.['outcome'], line?.['status'], line?.['method'], line?.['path']],
      ['aborted', 499, 'GET', '/'],
    );
    assert.equal(front.sample('weir_requests_total{outcome="aborted"}'), 1);
    assert.equal(front.sample('weir_requests_total{outcome="refused"}') ?? 0, 0);
  });

  it('answers that nobody reads end the session', async () => {
    await using big = await RawOrigin.answering(
      `HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n${'x'.repeat(30_000_000)}`,
    );
    await using front = await TestEdge.start(await http2Edge(big.url));
    using peer = await Http2Peer.greeted(front.address, [4, 0x7fff_ffff]);
    peer.send(windowUpdate(0, 0x7000_0000), headers(1));
    await peer.response(1);
    peer.socket.pause();
    await untilStalled(big);
    const key = 'weir_http2_sessions_ended_total{reason="unread-answers"}';
    // Each kind alone stays under its own allowance.
    const pings = many(() => frame(PING, 0, 0, 'abcdefgh'), 90);
    const bad = many((i) => headers(i * 2 + 3, [['a', 'b']]), 40);
    peer.send(...pings, ...bad);
    await front.until(key, 1);
  });

  it('a well-behaved client may do much: 2,000 requests on one session', async () => {
    using peer = await Http2Peer.greeted(edge.address);
    for (let round = 0; round < 20; round++) {
      const ids = Array.from({ length: 100 }, (_, i) => odd(round * 100 + i));
      peer.send(...ids.map((id) => headers(id)), windowUpdate(0, 200));
      await Promise.all(ids.map((id) => peer.body(id)));
    }
    assert.equal(peer.complaint, '');
  });
});

/** Resolves when nothing of what the origin writes has moved for many turns of the loop: all are waiting. */
async function untilStalled(origin: RawOrigin): Promise<void> {
  const left = (): number => origin.connections[0]?.socket.writableLength ?? 0;
  for (let turns = 0, last = left(); turns < 500; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (left() !== last) turns = 0;
    last = left();
  }
}

describe('time limits of a session', () => {
  // Long enough for what is sent before, on a machine that stands still for a while.
  const timeouts = { headMs: 500, idleMs: 60_000 };

  async function ends(
    ending: string,
    code: number,
    act: (peer: Http2Peer) => void,
    more: Record<string, number> = {},
  ): Promise<void> {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      await http2Edge(origin.url, { timeouts: { ...timeouts, ...more } }),
    );
    using peer = await Http2Peer.connect(edge.address);
    act(peer);
    const goaway = await peer.first((one) => one.type === GOAWAY);
    assert.equal(goaway.payload.readUInt32BE(4), code);
    await peer.untilEnded();
    assert.equal(edge.sample(`weir_http2_sessions_ended_total{reason="${ending}"}`), 1);
  }

  it('no preface', () => ends('preface-time', 4, () => {}));
  it('a preface and no SETTINGS', () => ends('preface-time', 4, (peer) => peer.send(PREFACE)));
  it('a field block that does not end', () =>
    ends('head-time', 11, (peer) =>
      peer.send(PREFACE, settings(), headers(1, simpleRequest, END_STREAM)),
    ));
  it('a frame that does not end', () =>
    ends('head-time', 11, (peer) => peer.send(PREFACE, settings(), headers(1).subarray(0, 20))));
  it('half a frame head', () =>
    ends('head-time', 11, (peer) => peer.send(PREFACE, settings(), headers(1).subarray(0, 5))));
  it('a session without requests; PING does not keep it', () =>
    ends('idle', 0, (peer) => peer.send(PREFACE, settings(), frame(PING, 0, 0, 'abcdefgh')), {
      headMs: 60_000,
      idleMs: 50,
    }));

  it('408 for a body that stops coming; the session goes on', async () => {
    await using origin = await RawOrigin.start((connection) =>
      connection.socket.on('data', () => {
        const { messages } = readMessages(connection.received);
        if (messages.some(({ first }) => first.startsWith('GET'))) connection.write(plainAnswer);
      }),
    );
    await using edge = await TestEdge.start(
      await http2Edge(origin.url, { timeouts: { bodyIdleMs: 50 } }),
    );
    using peer = await Http2Peer.greeted(edge.address);
    peer.send(post(1), data(1, 'abc', 0));
    const stopped = await peer.first((one) => one.type === RST_STREAM);
    assert.deepEqual([stopped.id, stopped.payload.readUInt32BE(0)], [1, 0]);
    peer.send(headers(3));
    assert.equal((await peer.body(3)).toString(), 'ok');
    const lines = await edge.accessLines(2);
    assert.deepEqual(
      lines.map((line) => line['status']),
      [408, 200],
    );
  });

  it('a client that gives no window is cut off, stream by stream', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      await http2Edge(origin.url, { timeouts: { sendMs: 50 } }),
    );
    using peer = await Http2Peer.greeted(edge.address, [4, 1]);
    peer.send(headers(1));
    const stopped = await peer.first((one) => one.type === RST_STREAM);
    assert.deepEqual([stopped.id, stopped.payload.readUInt32BE(0)], [1, 8]);
    assert.equal(edge.sample('weir_http2_streams_open'), 0);
  });

  it('a client that does not read at all is cut', async () => {
    await using origin = await RawOrigin.answering(
      `HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n${'x'.repeat(30_000_000)}`,
    );
    await using edge = await TestEdge.start(
      await http2Edge(origin.url, { timeouts: { sendMs: 50 } }),
    );
    using peer = await Http2Peer.greeted(edge.address, [4, 0x7fff_ffff]);
    peer.send(windowUpdate(0, 0x7000_0000), headers(1));
    await peer.response(1);
    peer.socket.pause();
    await edge.until('weir_http2_sessions_ended_total{reason="send-time"}', 1);
    await edge.until('weir_http2_sessions_open', 0);
  });
});
