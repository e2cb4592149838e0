/** Requests and responses over HTTP/2 through the whole data plane, with node:http2 as the client. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import tls from 'node:tls';
import { blockWhen, TestEdge } from '../support/edge.ts';
import { fieldValues, readOne, statusOf } from '../support/http-read.ts';
import { Http2Client } from '../support/http2-client.ts';
import { http2Edge } from '../support/http2-peer.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';

describe('HTTP/2 requests', () => {
  it('reach an HTTP/1.1 origin as its own, with cookie crumbs joined', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    const answer = await client.request({
      ':path': '/a/b?c=d',
      cookie: ['a=1', 'b=2', 'c=3'],
      accept: '*/*',
      te: 'trailers',
      'x-forwarded-for': '1.2.3.4',
      transfer_encoding: 'chunked',
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.toString(), 'ok');
    const request = readOne(origin.received);
    assert.equal(request.first, 'GET /a/b?c=d HTTP/1.1');
    assert.deepEqual(
      request.fields.map(([name]) => name.toLowerCase()),
      [
        'host',
        'cookie',
        'accept',
        'x-forwarded-for',
        'x-forwarded-proto',
        'x-forwarded-host',
        'forwarded',
        'x-request-id',
      ],
    );
    assert.deepEqual(fieldValues(request, 'host'), ['edge.test']);
    assert.deepEqual(fieldValues(request, 'cookie'), ['a=1; b=2; c=3']);
    assert.deepEqual(fieldValues(request, 'x-forwarded-for'), ['127.0.0.1']);
    assert.deepEqual(fieldValues(request, 'x-forwarded-proto'), ['https']);
  });

  it('are written to the access log and counted under their protocol', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    {
      using client = new Http2Client(edge.address);
      await client.request({ ':path': '/?token=secret', 'user-agent': 'tester' });
      assert.equal(edge.sample('weir_http2_sessions_open'), 1);
    }
    await edge.until('weir_http2_sessions_open', 0);
    assert.equal(edge.sample('weir_requests_by_protocol_total{protocol="HTTP/2.0"}'), 1);
    assert.equal(edge.sample('weir_requests_by_protocol_total{protocol="HTTP/1.1"}'), 0);
    const [line] = await edge.accessLines(1);
    assert.deepEqual(
      [line?.['protocol'], line?.['status'], line?.['host'], line?.['query'], line?.['userAgent']],
      ['HTTP/2.0', 200, 'edge.test', 'token=***', 'tester'],
    );
  });

  it('a body with a length keeps it, one without goes on in chunks, none is none', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    const seen = async (fields: Record<string, string>, body?: string) => {
      const before = origin.received.length;
      await client.request({ ':method': 'POST', ...fields }, body);
      const request = readOne(origin.received.slice(before));
      return [
        request.body,
        ...fieldValues(request, 'content-length'),
        ...fieldValues(request, 'transfer-encoding'),
      ];
    };
    assert.deepEqual(await seen({ 'content-length': '5' }, 'hello'), ['hello', '5']);
    assert.deepEqual(await seen({}, 'hello'), ['hello', 'chunked']);
    assert.deepEqual(await seen({}), ['', '0']);
    assert.deepEqual(await seen({ ':method': 'GET' }), ['']);
  });

  it('large bodies go both ways whole, many at the same time', async () => {
    const bodies = Array.from({ length: 8 }, () => randomBytes(1_500_000));
    await using origin = await RawOrigin.answering((request) => {
      const body = request.slice(request.indexOf('\r\n\r\n') + 4);
      return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    });
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    const answers = await Promise.all(
      bodies.map((body) =>
        client.request({ ':method': 'POST', 'content-length': String(body.length) }, body),
      ),
    );
    assert.deepEqual(
      answers.map(({ body }) => sha(body)),
      bodies.map(sha),
    );
  });

  it('trailers end a request; an HTTP/1.1 origin, which has not asked for any, gets none', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    const answer = await client.request({ ':method': 'POST' }, 'hello', {
      'x-sum': '1',
      'content-length': '3',
      'x-forwarded-for': '1.2.3.4',
    });
    assert.equal(answer.status, 200);
    assert.doesNotMatch(origin.received.slice(0, origin.received.indexOf('\r\n\r\n')), /x-sum/i);
    assert.match(origin.received, /\r\n5\r\nhello\r\n0\r\n\r\n$/);
  });

  it('Expect: 100-continue is answered once the origin is reached', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    const stream = client.open({
      ':method': 'POST',
      expect: '100-continue',
      'content-length': '5',
    });
    const answer = Http2Client.answer(stream);
    await once(stream, 'continue');
    stream.end('hello');
    assert.equal((await answer).status, 200);
    assert.equal(readOne(origin.received).body, 'hello');
  });

  it('rules see the head that is forwarded, and block before the origin hears of it', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const seen: string[] = [];
    await using edge = await TestEdge.start({
      ...(await http2Edge(origin.url)),
      routes: [{ upstream: 'app', waf: { mode: 'block', rules: ['test'] } }],
      modules: {
        test: (view, facts) => {
          seen.push(view.bytes.toString('latin1', view.start, view.end));
          return blockWhen('attack')(view, facts);
        },
      },
    });
    using client = new Http2Client(edge.address);
    const blocked = await client.request({ ':path': '/?q=attack', 'x-a': 'b' });
    assert.equal(blocked.status, 403);
    assert.equal(origin.connections.length, 0);
    assert.deepEqual(seen, ['GET /?q=attack HTTP/2.0\r\nhost: edge.test\r\nx-a: b\r\n\r\n']);
    assert.equal((await client.request({ ':path': '/' })).status, 200);
  });

  it('what is refused after the rules: CONNECT, TRACE, an expectation', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const seen: string[] = [];
    await using edge = await TestEdge.start({
      ...(await http2Edge(origin.url)),
      routes: [{ upstream: 'app', waf: { mode: 'block', rules: ['test'] } }],
      modules: {
        test: (view, facts) => {
          seen.push(view.bytes.toString('latin1', view.start, view.methodEnd));
          return blockWhen('attack')(view, facts);
        },
      },
    });
    using client = new Http2Client(edge.address);
    const connect = client.open({ ':method': 'CONNECT', ':authority': 'edge.test:443' });
    connect.end();
    const statuses = [
      (await Http2Client.answer(connect)).status,
      (await client.request({ ':method': 'TRACE' })).status,
      (await client.request({ expect: 'wonders' })).status,
    ];
    assert.deepEqual(statuses, [405, 405, 417]);
    assert.deepEqual(seen, ['CONNECT', 'TRACE', 'GET']);
    assert.equal(origin.connections.length, 0);
  });
});

describe('HTTP/2 responses', () => {
  it('fields go out in lower case, hop-by-hop ones not at all', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 203 Whatever\r\nConnection: X-Gone, keep-alive\r\nKeep-Alive: timeout=5\r\nX-Gone: 1\r\n' +
        'X-Origin: An-Origin\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Empty:\r\nContent-Length: 2\r\n\r\nok',
    );
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    const { status, fields } = await client.request({});
    assert.equal(status, 203);
    assert.deepEqual(Object.keys(fields).toSorted(), [
      ':status',
      'content-length',
      'set-cookie',
      'x-empty',
      'x-origin',
      'x-request-id',
    ]);
    assert.deepEqual(fields['set-cookie'], ['a=1', 'b=2']);
    assert.match(String(fields['x-request-id']), /^[0-9a-f]{16}-[0-9a-f]{8}$/);
  });

  it('the same fields on a session come to little, and mean the same each time', async () => {
    await using origin = await RawOrigin.answering(
      `HTTP/1.1 200 OK\r\nX-Long: ${'v'.repeat(200)}\r\nContent-Length: 2\r\n\r\nok`,
    );
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    for (let i = 0; i < 5; i++)
      assert.equal((await client.request({})).fields['x-long'], 'v'.repeat(200));
  });

  for (const [title, answer, body, more] of [
    [
      'chunked',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n',
      'ok!',
      {},
    ],
    ['until the close', 'HTTP/1.1 200 OK\r\n\r\nok', 'ok', { close: true }],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', '', {}],
    ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n', '', {}],
    ['HEAD with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', '', { method: 'HEAD' }],
    ['empty', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '', {}],
  ] as const) {
    it(`framing: ${title}`, async () => {
      const { close = false, method = 'GET' } = more as { close?: boolean; method?: string };
      await using origin = await RawOrigin.start((connection) =>
        connection.socket.on('data', () => {
          connection.write(answer);
          if (close) connection.socket.end();
        }),
      );
      await using edge = await TestEdge.start(await http2Edge(origin.url));
      using client = new Http2Client(edge.address);
      const got = await client.request({ ':method': method });
      assert.equal(got.body.toString(), body);
      assert.equal(got.code, 0);
      assert.equal(got.fields['transfer-encoding'], undefined);
      if (title.includes('length')) assert.equal(got.fields['content-length'], '2');
    });
  }

  it('trailers of a response come behind its body', async () => {
    await using origin = await RawOrigin.answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n',
    );
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    const { body, trailers } = await client.request({});
    assert.equal(body.toString(), 'ok');
    assert.deepEqual(Object.entries(trailers), [['x-sum', '1']]);
  });

  it('informational ones pass, the origin own 100 does not', async () => {
    await using origin = await RawOrigin.answering(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${plainAnswer}`,
    );
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    const { status, informational } = await client.request({});
    assert.equal(status, 200);
    assert.deepEqual(
      informational.map((fields) => [fields[':status'], fields['link']]),
      [[103, '</a>']],
    );
  });

  it('one that the origin breaks off is reset, and the session goes on', async () => {
    await using origin = await RawOrigin.start((connection) =>
      connection.socket.on('data', () => {
        const isFirst = !connection.received.includes('/second');
        connection.write(
          isFirst ? 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc' : plainAnswer,
        );
        if (isFirst) connection.socket.end();
      }),
    );
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    using client = new Http2Client(edge.address);
    const broken = await client.request({});
    assert.equal(broken.code, 2);
    assert.equal(edge.sample('weir_http2_streams_reset_total{by="edge"}'), 1);
    assert.equal((await client.request({ ':path': '/second' })).status, 200);
    const lines = await edge.accessLines(2);
    assert.deepEqual(
      lines.map((line) => line['outcome']),
      ['failed', 'forwarded'],
    );
  });

  it("the edge's own answers: no route, no origin, a body too large", async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...(await http2Edge(origin.url, { limits: { bodyBytesMax: 10 } })),
      upstreams: {
        app: { servers: [{ url: origin.url }] },
        gone: { servers: [{ url: 'http://127.0.0.1:9' }] },
      },
      routes: [
        { match: { host: 'edge.test' }, upstream: 'app' },
        { match: { host: 'gone.test' }, upstream: 'gone' },
      ],
    });
    using client = new Http2Client(edge.address);
    const answers = [
      await client.request({ ':authority': 'nobody.test' }),
      await client.request({ ':authority': 'gone.test' }),
      await client.request({ ':method': 'POST', 'content-length': '11' }, 'hello world'),
      await client.request({ ':method': 'POST' }, 'hello world'),
      await client.request({ ':method': 'HEAD', ':authority': 'nobody.test' }),
      await client.request({}),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [404, 502, 413, 413, 404, 200],
    );
    assert.match(String(answers[0]?.fields['content-type']), /problem\+json/);
    assert.equal(answers[4]?.body.length, 0);
  });

  it('heads over the limits: 431 and 414, and the session goes on', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(
      await http2Edge(origin.url, {
        limits: { headBytesMax: 2_000, urlBytesMax: 100, headersMax: 10 },
      }),
    );
    using client = new Http2Client(edge.address);
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'v']));
    const path = (length: number): string => `/${'a'.repeat(length - 1)}`;
    // The list counts 32 bytes a field; :method, :scheme, :authority and :path make 175 with `/`.
    const value = (size: number): string => 'v'.repeat(size - 175 - 33);
    const statuses = [];
    for (const fields of [
      { x: value(2_000) },
      { x: value(2_001) },
      { ':path': path(100) },
      { ':path': path(101) },
      many(9),
      many(10),
    ])
      statuses.push((await client.request(fields)).status);
    assert.deepEqual(statuses, [200, 431, 200, 414, 200, 431]);
    assert.equal(edge.sample('weir_requests_total{outcome="refused"}'), 3);
  });
});

describe('which protocol is spoken', () => {
  it('http2: false offers HTTP/1.1 alone', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    for (const [listener, alpn] of [
      [{ http2: false }, 'http/1.1'],
      [{}, 'h2'],
    ] as const) {
      await using edge = await TestEdge.start(await http2Edge(origin.url, {}, listener));
      const socket = tls.connect({
        host: '127.0.0.1',
        port: Number(edge.address.split(':').at(-1)),
        rejectUnauthorized: false,
        ALPNProtocols: ['h2', 'http/1.1'],
      });
      await once(socket, 'secureConnect');
      assert.equal(socket.alpnProtocol, alpn);
      socket.destroy();
    }
  });

  it('a client without ALPN is served HTTP/1.1', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(await http2Edge(origin.url));
    const socket = tls.connect({
      host: '127.0.0.1',
      port: Number(edge.address.split(':').at(-1)),
      rejectUnauthorized: false,
    });
    using client = new RawClient(socket);
    await once(socket, 'secureConnect');
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(statusOf(await client.response()), 200);
  });

  it('plaintext with http2: true serves both, by the first bytes', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const options = await http2Edge(origin.url);
    await using edge = await TestEdge.start({
      ...options,
      listeners: [{ address: '127.0.0.1:0', plaintext: true, http2: true }],
      certificates: [],
    });
    using modern = new Http2Client(edge.address, false);
    assert.equal((await modern.request({})).status, 200);
    using old = await RawClient.connect(edge.address);
    await old.sendSplit('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n', [1, 2]);
    assert.equal(statusOf(await old.response()), 200);
  });

  it('plaintext that does not say so refuses the preface', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...(await http2Edge(origin.url)),
      listeners: [{ address: '127.0.0.1:0', plaintext: true }],
      certificates: [],
    });
    using client = await RawClient.connect(edge.address);
    client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    assert.ok(statusOf(await client.response()) >= 400);
    await client.untilEnded();
    assert.equal(origin.connections.length, 0);
  });

  it('an Upgrade to h2c is never honoured', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start({
      ...(await http2Edge(origin.url)),
      listeners: [{ address: '127.0.0.1:0', plaintext: true, http2: true }],
      certificates: [],
    });
    using client = await RawClient.connect(edge.address);
    client.send(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    );
    assert.equal(statusOf(await client.response()), 200);
    assert.doesNotMatch(origin.received, /upgrade|http2-settings/i);
  });
});
