/**
 * RFC 9113 and RFC 7541 section by section, over real TLS: what a client sends, and what the edge has to
 * say of it. Each case is a connection of its own, greeted with preface and SETTINGS.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TestEdge } from '../support/edge.ts';
import { code, frameCases } from '../support/http2-frame-cases.ts';
import { messageCases } from '../support/http2-message-cases.ts';
import {
  ACK,
  block,
  CONTINUATION,
  DATA,
  data,
  END_HEADERS,
  type Field,
  frame,
  HEADERS,
  Http2Peer,
  headers,
  http2Edge,
  PING,
  PREFACE,
  PRIORITY,
  RST_STREAM,
  reset,
  SETTINGS,
  settings,
  simpleRequest,
  windowUpdate,
} from '../support/http2-peer.ts';
import { RawOrigin } from '../support/raw-origin.ts';

const connectionError = `goaway ${code.protocol}`;
const whole = block(simpleRequest);
const replaced = (name: string, value: string): Field[] =>
  simpleRequest.map((field) => (field[0] === name ? [name, value] : field));

describe('HTTP/2 by the letter', () => {
  let origin: RawOrigin;
  let edge: TestEdge;
  before(async () => {
    origin = await RawOrigin.answering((request) =>
      request.startsWith('GET /wait') ? '' : 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    );
    edge = await TestEdge.start(await http2Edge(origin.url));
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  async function run(peer: Http2Peer, expected: string): Promise<void> {
    if (expected.startsWith('ok')) {
      const id = Number(expected.slice(3) || '1');
      assert.equal((await peer.body(id)).toString(), 'hello');
      assert.equal(peer.of(HEADERS, id)[0]?.payload[0], 0x88, ':status 200');
      return;
    }
    await peer.wait(() => (peer.complaint === '' ? undefined : true));
    assert.equal(peer.complaint, expected);
    // After a session error the edge closes; after a stream error it goes on.
    if (expected.startsWith('goaway')) await peer.untilEnded();
    else {
      peer.send(headers(101));
      assert.equal((await peer.body(101)).toString(), 'hello');
    }
  }

  for (const [section, cases] of Object.entries({ ...frameCases, ...messageCases })) {
    describe(section, () => {
      for (const [title, frames, expected] of cases) {
        it(`${title}: ${expected}`, async () => {
          using peer = await Http2Peer.greeted(edge.address);
          peer.send(...frames);
          await run(peer, expected);
        });
      }
    });
  }

  describe('3.4 preface', () => {
    const greetings: [title: string, bytes: Buffer][] = [
      ['something else', Buffer.from('PRI * HTTP/1.0\r\n\r\nSM\r\n\r\n')],
      ['an HTTP/1.1 request', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
      ['another frame first', Buffer.concat([PREFACE, headers(1)])],
      ['an acknowledgement first', Buffer.concat([PREFACE, frame(SETTINGS, ACK, 0)])],
    ];
    for (const [title, bytes] of greetings) {
      it(title, async () => {
        using peer = await Http2Peer.connect(edge.address);
        peer.send(bytes);
        await run(peer, connectionError);
      });
    }

    it('the edge says its SETTINGS first, before it has heard anything', async () => {
      using peer = await Http2Peer.connect(edge.address);
      const first = await peer.first(() => true);
      assert.equal(first.type, SETTINGS);
      assert.deepEqual(pairs(first.payload), { 3: 100, 4: 262_144, 6: 32_768 });
    });

    it('SETTINGS are acknowledged', async () => {
      using peer = await Http2Peer.greeted(edge.address);
      await peer.first((one) => one.type === SETTINGS && one.flags === ACK);
    });

    it('PING is answered with what it holds', async () => {
      using peer = await Http2Peer.greeted(edge.address);
      peer.send(frame(PING, 0, 0, 'h2spec!!'));
      const answer = await peer.first((one) => one.type === PING);
      assert.deepEqual([answer.flags, answer.payload.toString()], [ACK, 'h2spec!!']);
    });
  });

  describe('5.1 closed by both', () => {
    for (const [title, late, expected] of [
      ['DATA', data(1, 'a'), `goaway ${code.closed}`],
      ['HEADERS', headers(1), `goaway ${code.closed}`],
      ['CONTINUATION', frame(CONTINUATION, END_HEADERS, 1, whole), connectionError],
      ['PRIORITY', frame(PRIORITY, 0, 1, Buffer.alloc(5)), ''],
      ['WINDOW_UPDATE', windowUpdate(1, 1), ''],
      ['RST_STREAM', reset(1), ''],
    ] as const) {
      it(`${title}: ${expected || 'ignored'}`, async () => {
        using peer = await Http2Peer.greeted(edge.address);
        peer.send(headers(1));
        await peer.body(1);
        peer.send(late);
        if (expected === '') peer.send(headers(3));
        await run(peer, expected || 'ok 3');
      });
    }
  });

  describe('6.9 flow control', () => {
    it('a response waits for its stream window, and goes on by what is given', async () => {
      using peer = await Http2Peer.greeted(edge.address, [4, 1]);
      peer.send(headers(1));
      await peer.response(1);
      await peer.settled();
      assert.deepEqual(sizes(peer), [1]);
      peer.send(windowUpdate(1, 2));
      await peer.wait(() => (sizes(peer).length === 2 ? true : undefined));
      assert.deepEqual(sizes(peer), [1, 2]);
      peer.send(windowUpdate(1, 100));
      assert.equal((await peer.body(1)).toString(), 'hello');
    });

    it('a changed initial window opens what waits', async () => {
      using peer = await Http2Peer.greeted(edge.address, [4, 0]);
      peer.send(headers(1));
      await peer.response(1);
      await peer.settled();
      assert.deepEqual(sizes(peer), []);
      peer.send(settings([4, 3]));
      await peer.wait(() => (sizes(peer).length === 1 ? true : undefined));
      peer.send(windowUpdate(1, 2));
      assert.equal((await peer.body(1)).toString(), 'hello');
      assert.deepEqual(sizes(peer), [3, 2]);
    });

    it('a window can be negative: nothing goes until it is above zero again', async () => {
      using peer = await Http2Peer.greeted(edge.address, [4, 3]);
      peer.send(headers(1));
      await peer.wait(() => (sizes(peer).length === 1 ? true : undefined));
      peer.send(settings([4, 0]), windowUpdate(1, 3));
      await peer.settled();
      assert.deepEqual(sizes(peer), [3]);
      peer.send(windowUpdate(1, 5));
      assert.equal((await peer.body(1)).toString(), 'hello');
    });
  });

  it('5.1.2: streams beyond the limit are refused, the others are not touched', async () => {
    using peer = await Http2Peer.greeted(edge.address);
    const waiting = replaced(':path', '/wait');
    for (let id = 1; id <= 201; id += 2) peer.send(headers(id, waiting));
    await peer.first((one) => one.type === RST_STREAM);
    assert.equal(peer.complaint, 'reset 7 on 201');
    assert.equal(peer.of(RST_STREAM).length, 1);
    assert.equal(edge.sample('weir_http2_streams_open'), 100);
    assert.equal(edge.sample('weir_http2_streams_reset_total{by="refused"}'), 1);
  });
});

const sizes = (peer: Http2Peer): number[] =>
  peer
    .of(DATA)
    .map(({ payload }) => payload.length)
    .filter((size) => size > 0);

function pairs(payload: Buffer): Record<number, number> {
  const entries: [number, number][] = [];
  for (let at = 0; at < payload.length; at += 6)
    entries.push([payload.readUInt16BE(at), payload.readUInt32BE(at + 2)]);
  return Object.fromEntries(entries);
}
