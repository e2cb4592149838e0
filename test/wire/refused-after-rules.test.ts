/** Requests that are refused whatever they hold, but not before the rules have seen them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blockWhen, TestEdge } from '../support/edge.ts';
import { statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

const rows: readonly (readonly [what: string, request: string, status: number])[] = [
  ['an unknown version', 'GET /x HTTP/4.0\r\nHost: a.test\r\n\r\n', 505],
  ['HTTP/2 written as HTTP/1', 'GET /x HTTP/2.0\r\nHost: a.test\r\n\r\n', 505],
  ['an unknown minor version', 'GET /x HTTP/1.2\r\nHost: a.test\r\n\r\n', 505],
  ['another expectation', 'GET /x HTTP/1.1\r\nHost: a.test\r\nExpect: gold\r\n\r\n', 417],
  ['CONNECT', 'CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n', 405],
  ['TRACE', 'TRACE /x HTTP/1.1\r\nHost: a.test\r\n\r\n', 405],
];

for (const [what, request, status] of rows) {
  describe(what, () => {
    it('is seen by the rules, which decide first', async () => {
      await using origin = await RawOrigin.start();
      await using edge = await TestEdge.start({
        upstreams: { app: { servers: [{ url: origin.url }] } },
        routes: [{ upstream: 'app', waf: { rules: ['text'] } }],
        modules: { text: blockWhen('HTTP/', 418) },
      });
      using client = await RawClient.connect(edge.address);
      client.send(request);
      assert.equal(statusOf(await client.response()), 418);
    });

    it(`answers ${status} where the rules let it pass, and reaches no origin`, async () => {
      await using origin = await RawOrigin.start();
      await using edge = await TestEdge.start({
        upstreams: { app: { servers: [{ url: origin.url }] } },
        routes: [{ upstream: 'app' }],
      });
      using client = await RawClient.connect(edge.address);
      client.send(request);
      assert.equal(statusOf(await client.response()), status);
      assert.equal(origin.connections.length, 0);
    });
  });
}

it('nothing behind a request of another version is read as a request', async () => {
  await using origin = await RawOrigin.start();
  await using edge = await TestEdge.start({
    upstreams: { app: { servers: [{ url: origin.url }] } },
    routes: [{ upstream: 'app' }],
  });
  using client = await RawClient.connect(edge.address);
  client.send('GET / HTTP/3.0\r\nHost: a\r\n\r\nGET /smuggled/ HTTP/1.1\r\nHost: a\r\n\r\n');
  const all = await client.untilEnded();
  assert.equal(all.match(/HTTP\/1\.1 \d/g)?.length, 1);
  assert.equal(origin.connections.length, 0);
});

describe('Content-Length beside chunked coding, on a listener that drops it', () => {
  const both =
    'POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';

  it('the coding decides, one length goes on, and the connection ends', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    let seen = '';
    await using edge = await TestEdge.start({
      listeners: [{ address: '127.0.0.1:0', plaintext: true, lengthWithChunked: 'drop' }],
      upstreams: { app: { servers: [{ url: origin.url }] } },
      routes: [{ upstream: 'app', waf: { rules: ['look'] } }],
      modules: {
        look: (view) => {
          seen = Array.from({ length: view.headerCount }, (_, i) => view.headerName(i)).join();
          return { kind: 'allow' };
        },
      },
    });
    using client = await RawClient.connect(edge.address);
    client.send(`${both}GET /smuggled/ HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    const all = await client.untilEnded();
    assert.match(all, /^HTTP\/1\.1 200 /);
    assert.equal(all.match(/HTTP\/1\.1 \d/g)?.length, 1);
    assert.doesNotMatch(origin.received, /content-length/i);
    // What is inspected is what goes on.
    assert.equal(seen, 'Host,Transfer-Encoding');
    assert.match(origin.received, /\r\n5\r\nhello\r\n0\r\n\r\n$/);
  });

  it('is refused on any other', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      upstreams: { app: { servers: [{ url: origin.url }] } },
      routes: [{ upstream: 'app' }],
    });
    using client = await RawClient.connect(edge.address);
    client.send(both);
    assert.match(await client.untilEnded(), /^HTTP\/1\.1 400 /);
    assert.equal(origin.connections.length, 0);
  });
});

describe('a request line without a version, on a listener that closes behind it', () => {
  const listeners = [{ address: '127.0.0.1:0', plaintext: true, withoutVersion: 'close' }];
  const request = 'GET /old \r\nHost: a.test\r\n\r\n';

  it('is seen by the rules, and gets no byte in answer', async () => {
    await using origin = await RawOrigin.start();
    let seen = '';
    await using edge = await TestEdge.start({
      listeners,
      upstreams: { app: { servers: [{ url: origin.url }] } },
      routes: [{ upstream: 'app', waf: { rules: ['look'] } }],
      modules: {
        look: (view) => {
          seen = view.bytes.toString('latin1', view.start, view.end);
          return { kind: 'allow' };
        },
      },
    });
    using client = await RawClient.connect(edge.address);
    client.send(request);
    assert.equal(await client.untilEnded(), '');
    assert.equal(seen, 'GET /old \r\n');
    assert.equal(origin.connections.length, 0);
    const [line] = await edge.accessLines(1);
    assert.deepEqual(
      ['protocol', 'status', 'outcome', 'reason', 'bytesOut'].map((key) => line?.[key]),
      ['HTTP/0.9', 444, 'refused', 'request line without a version', 0],
    );
    assert.equal(edge.sample('weir_requests_by_protocol_total{protocol="HTTP/0.9"}'), 1);
  });

  it('gets none from a rule that stops it either', async () => {
    await using edge = await TestEdge.start({
      listeners,
      upstreams: { app: { servers: [{ url: 'http://127.0.0.1:1' }] } },
      routes: [{ upstream: 'app', waf: { rules: ['text'] } }],
      modules: { text: blockWhen('/old', 418) },
    });
    using client = await RawClient.connect(edge.address);
    client.send(request);
    assert.equal(await client.untilEnded(), '');
    const [line] = await edge.accessLines(1);
    assert.deepEqual([line?.['status'], line?.['outcome']], [444, 'blocked']);
  });

  it('is answered with 400 on any other', async () => {
    await using edge = await TestEdge.start({
      upstreams: { app: { servers: [{ url: 'http://127.0.0.1:1' }] } },
      routes: [{ upstream: 'app' }],
    });
    using client = await RawClient.connect(edge.address);
    client.send(request);
    assert.match(await client.untilEnded(), /^HTTP\/1\.1 400 /);
  });
});

describe('fields whose names many applications read as others', () => {
  const request =
    'GET / HTTP/1.1\r\nHost: a.test\r\nX_Forwarded_For: 192.0.2.1\r\nX.Filename: a\r\nX-Plain: b\r\n\r\n';
  const settings = [
    ['drop-known', ['X.Filename', 'X-Plain']],
    ['drop', ['X-Plain']],
    ['keep', ['X_Forwarded_For', 'X.Filename', 'X-Plain']],
  ] as const;
  for (const [headerAliases, kept] of settings) {
    it(`${headerAliases}: ${kept.join(', ')} reach the origin, and the rules saw all`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      let seen = '';
      await using edge = await TestEdge.start({
        listeners: [{ address: '127.0.0.1:0', plaintext: true, headerAliases }],
        upstreams: { app: { servers: [{ url: origin.url }] } },
        routes: [{ upstream: 'app', waf: { rules: ['look'] } }],
        modules: {
          look: (view) => {
            seen = Array.from({ length: view.headerCount }, (_, i) => view.headerName(i)).join();
            return { kind: 'allow' };
          },
        },
      });
      using client = await RawClient.connect(edge.address);
      client.send(request);
      assert.equal(statusOf(await client.response()), 200);
      const names = ['X_Forwarded_For', 'X.Filename', 'X-Plain'];
      assert.deepEqual(
        names.filter((name) => origin.received.includes(`\r\n${name}: `)),
        kept,
      );
      for (const name of names) assert.ok(seen.includes(name));
    });
  }
});
