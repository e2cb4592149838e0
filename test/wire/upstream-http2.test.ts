/** HTTP/2 upstreams: what reaches them, what comes back, and what their faults become. */
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { describe, it } from 'node:test';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { fieldValues, statusOf } from '../support/http-read.ts';
import {
  endHeaders,
  endStream,
  frame,
  framedOrigin,
  frameType,
  resetFrame,
  status200,
} from '../support/http2-frames.ts';
import { bodyOf, Http2Origin } from '../support/http2-origin.ts';
import { RawClient } from '../support/raw-client.ts';
import type { OriginConnection } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';

const get = (path = '/', fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;
const post = (body: string, fields = ''): string =>
  `POST / HTTP/1.1\r\nHost: a.test\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
const http2Edge = (url: string, upstream: Record<string, unknown> = {}, edge = {}): EdgeOptions =>
  simpleEdge(url, edge, { protocol: 'http2', ...upstream });
const answering =
  (body = 'ok', status = 200) =>
  ({ stream }: { stream: http2.ServerHttp2Stream }): void => {
    stream.respond({ ':status': status, 'content-length': String(body.length) });
    stream.end(body);
  };

describe('a request to an HTTP/2 server', () => {
  it('has its fields, the edge’s own, and nothing of HTTP/1.1', async () => {
    await using origin = await Http2Origin.start(answering());
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(
      get(
        '/a?b=1',
        'Accept: x\r\nX-Own: \xe9\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 1\r\nTE: gzip\r\n',
      ),
    );
    const response = await client.response();
    assert.equal(response.body, 'ok');
    const [request] = origin.requests;
    assert.equal(request?.field(':method'), 'GET');
    assert.equal(request?.field(':path'), '/a?b=1');
    assert.equal(request?.field(':authority'), 'a.test');
    assert.equal(request?.field(':scheme'), 'http');
    assert.equal(request?.field('accept'), 'x');
    assert.equal(request?.field('x-own'), '\xe9');
    assert.equal(request?.field('te'), 'trailers');
    assert.equal(request?.field('x-forwarded-for'), '127.0.0.1');
    assert.equal(request?.field('x-request-id'), fieldValues(response, 'x-request-id')[0]);
    for (const name of ['host', 'connection', 'x-gone', 'transfer-encoding', 'keep-alive'])
      assert.equal(request?.field(name), undefined, name);
  });

  it('is sent on with fields that HTTP/2 has no place for, or that come twice', async () => {
    await using origin = await Http2Origin.start(answering());
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(
      get(
        '/',
        'HTTP2-Settings: AAMAAABk\r\nUser-Agent: a\r\nUser-Agent: b\r\nX-A: 1\r\nx-a: 2\r\n',
      ),
    );
    assert.equal((await client.response()).body, 'ok');
    const [request] = origin.requests;
    assert.equal(request?.field('http2-settings'), undefined);
    const twice = (name: string): number =>
      request?.raw.filter((text) => text === name).length ?? 0;
    assert.equal(twice('user-agent'), 2);
    assert.equal(twice('x-a'), 2);
  });

  it('carries a body of a length, a chunked one, and one that comes late', async () => {
    const bodies: string[] = [];
    await using origin = await Http2Origin.start(({ stream, field }) => {
      void bodyOf(stream).then((body) => {
        bodies.push(`${field('content-length') ?? '-'} ${body}`);
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
    });
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(post('hello'));
    await client.response();
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n');
    client.send('3\r\nabc\r\n');
    client.send('2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n');
    const [, second] = await client.responses(2);
    assert.equal(second?.body, 'ok');
    assert.deepEqual(bodies, ['5 hello', '- abcde']);
  });

  it('many at once share one connection', async () => {
    await using origin = await Http2Origin.start(answering());
    await using edge = await TestEdge.start(http2Edge(origin.url));
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => RawClient.connect(edge.address)),
    );
    for (const client of clients) client.send(get());
    await Promise.all(clients.map((client) => client.response()));
    assert.equal(origin.sessions.length, 1);
    for (const client of clients) client.socket.destroy();
  });

  it('waits for a stream at the server’s limit, and another connection is made', async () => {
    const held: http2.ServerHttp2Stream[] = [];
    let most = 0;
    await using origin = await Http2Origin.start(
      ({ stream }) => {
        held.push(stream);
        most = Math.max(most, held.length);
        if (held.length < 4) return;
        for (const one of held.splice(0)) answering()({ stream: one });
      },
      { settings: { maxConcurrentStreams: 2 } },
    );
    await using edge = await TestEdge.start(http2Edge(origin.url, { http2: { sessionsMax: 2 } }));
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => RawClient.connect(edge.address)),
    );
    for (const client of clients) client.send(get());
    for (const client of clients) assert.equal((await client.response()).body, 'ok');
    assert.equal(most, 4);
    assert.equal(origin.sessions.length, 2);
    for (const client of clients) client.socket.destroy();
  });

  it('goes over TLS with ALPN, and not to a server that speaks HTTP/1.1 alone', async () => {
    const { certificate, privateKey } = await makeDevelopmentCertificate(['127.0.0.1']);
    await using origin = await Http2Origin.start(answering(), {
      cert: certificate,
      key: privateKey,
    });
    await using edge = await TestEdge.start(http2Edge(origin.url, { tls: { verify: false } }));
    using client = await RawClient.connect(edge.address);
    client.send(get());
    assert.equal((await client.response()).body, 'ok');
    assert.equal(origin.requests[0]?.field(':scheme'), 'https');
  });
});

describe('a response of an HTTP/2 server', () => {
  it('comes with its fields, informational ones first, and repeated ones apart', async () => {
    await using origin = await Http2Origin.start(({ stream }) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({ ':status': 200, 'set-cookie': ['a=1', 'b=2'] });
      stream.end('ok');
    });
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get());
    const response = await client.response();
    assert.match(client.received, /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n/);
    assert.deepEqual(fieldValues(response, 'set-cookie'), ['a=1', 'b=2']);
    assert.equal(response.first, 'HTTP/1.1 200 OK');
  });

  for (const [name, request, respond] of [
    ['HEAD', 'HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n', { ':status': 200, 'content-length': '5' }],
    ['204', get(), { ':status': 204 }],
    ['304', get(), { ':status': 304 }],
  ] as const) {
    it(`has no body: ${name}; the client's connection goes on`, async () => {
      await using origin = await Http2Origin.start(({ stream, field }) => {
        if (field(':path') === '/next') answering()({ stream });
        else stream.respond(respond, { endStream: true });
      });
      await using edge = await TestEdge.start(http2Edge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(request + get('/next'));
      const responses = await client.responses(2, (index) => index === 0);
      assert.equal(responses[1]?.body, 'ok');
    });
  }

  it('has no bytes at all and no length: the client gets an empty chunked body', async () => {
    await using origin = await Http2Origin.start(({ stream }) =>
      stream.respond({ ':status': 200 }, { endStream: true }),
    );
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get());
    assert.equal((await client.response()).body, '');
  });

  it('is not read faster than the client reads', async () => {
    const size = 64 * 1_048_576;
    let written = 0;
    let blocked = 0;
    await using origin = await Http2Origin.start(({ stream }) => {
      stream.respond({ ':status': 200, 'content-length': String(size) });
      const part = Buffer.alloc(65_536, 'x');
      const more = (): void => {
        while (written < size) {
          written += part.length;
          if (!stream.write(part)) {
            blocked++;
            stream.once('drain', more);
            return;
          }
        }
        stream.end();
      };
      more();
    });
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.socket.pause();
    client.send(get());
    let before = -1;
    while (before !== written || written === 0) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(written < size / 2, `${written} bytes written while nobody read`);
    assert.ok(blocked > 0);
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
    });
    client.socket.resume();
    await edge.until('weir_requests_total{outcome="forwarded"}', 1);
    await until(
      () => `${size} bytes; ${received} came`,
      () => received >= size,
    );
  });
});

describe('faults of an HTTP/2 server', () => {
  const { constants } = http2;

  it('a refused stream is sent again, also a POST: nothing was done with it', async () => {
    await using origin = await Http2Origin.start(({ stream }, { requests }) => {
      if (requests.length === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answering()({ stream });
    });
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(post('hello'));
    assert.equal((await client.response()).body, 'ok');
    assert.equal(edge.sample('weir_upstream_retries_total'), 1);
    assert.equal(edge.sample('weir_upstream_failures_total{reason="unprocessed"}'), 1);
  });

  it('a stream beyond the last one of GOAWAY is sent again on another connection', async () => {
    await using origin = await Http2Origin.start(({ stream }, { requests, sessions }) => {
      if (requests.length === 2) sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, 1);
      else if (requests.length === 3) {
        answering('again')({ stream });
        answering('first')(requests[0] as (typeof requests)[number]);
      }
    });
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using first = await RawClient.connect(edge.address);
    using second = await RawClient.connect(edge.address);
    first.send(post('one'));
    await until('a request', () => origin.requests.length > 0);
    second.send(post('two'));
    assert.equal((await second.response()).body, 'again');
    assert.equal((await first.response()).body, 'first');
    assert.equal(origin.sessions.length, 2);
  });

  it('after GOAWAY what runs finishes, and what comes goes to another connection', async () => {
    let first: http2.ServerHttp2Stream | null = null;
    await using origin = await Http2Origin.start(({ stream }, { sessions }) => {
      if (first === null) {
        first = stream;
        stream.respond({ ':status': 200 });
        stream.write('begun ');
        sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, stream.id ?? 1);
      } else answering()({ stream });
    });
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using one = await RawClient.connect(edge.address);
    using two = await RawClient.connect(edge.address);
    one.send(get());
    await one.until((received) => received.includes('begun '));
    two.send(get());
    assert.equal((await two.response()).body, 'ok');
    (first as http2.ServerHttp2Stream | null)?.end('ended');
    assert.equal((await one.response()).body, 'begun ended');
    assert.equal(origin.sessions.length, 2);
  });

  for (const [name, code] of [
    ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
    ['CANCEL', constants.NGHTTP2_CANCEL],
  ] as const) {
    it(`a stream reset with ${name} before its answer is 502, and not sent again`, async () => {
      await using origin = await Http2Origin.start(({ stream }) => stream.close(code));
      await using edge = await TestEdge.start(http2Edge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(get());
      assert.equal(statusOf(await client.response()), 502);
      assert.equal(origin.requests.length, 1);
      const [line] = await edge.accessLines(1);
      assert.equal(line?.['reason'], `upstream reset the stream (${name})`);
    });
  }

  const half = (stream: number): Buffer =>
    Buffer.concat([
      frame(frameType.headers, endHeaders, stream, status200),
      frame(frameType.data, 0, stream, Buffer.from('half')),
    ]);
  for (const [name, end] of [
    ['reset', ({ socket }: OriginConnection) => socket.write(resetFrame(1, 2))],
    ['reset without an error', ({ socket }: OriginConnection) => socket.write(resetFrame(1, 0))],
    ['ended with its connection', ({ socket }: OriginConnection) => socket.end()],
    ['cut with its connection', ({ socket }: OriginConnection) => socket.resetAndDestroy()],
  ] as const) {
    for (const [when, request] of [
      ['', get()],
      [
        ', its request not at its end',
        'PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nbegin',
      ],
    ] as const) {
      it(`an answer that is ${name} is not taken for a whole one${when}`, async () => {
        await using origin = await framedOrigin(({ socket }, stream) => socket.write(half(stream)));
        await using edge = await TestEdge.start(http2Edge(origin.url));
        using client = await RawClient.connect(edge.address);
        client.send(request);
        await client.until((received) => received.endsWith('half\r\n'));
        end(await origin.connection(0));
        assert.ok((await client.untilEnded()).endsWith('half\r\n'));
        assert.equal(edge.sample('weir_requests_total{outcome="failed"}'), 1);
      });
    }
  }

  it('a body beyond its length goes no further than that, and the client sees it cut', async () => {
    const begin = (stream: number): Buffer =>
      Buffer.concat([
        headers(block(['content-length', '4']), endHeaders, stream),
        frame(frameType.data, 0, stream, Buffer.from('ha')),
      ]);
    await using origin = await framedOrigin(({ socket }, stream) => socket.write(begin(stream)));
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(get());
    await client.until((received) => received.endsWith('ha'));
    const { socket } = await origin.connection(0);
    socket.write(frame(frameType.data, endStream, 1, Buffer.from('lfHTTP/1.1 200 OK')));
    const received = await client.untilEnded();
    assert.equal(received.match(/HTTP\/1\.1/g)?.length, 1);
    assert.equal(edge.sample('weir_requests_total{outcome="failed"}'), 1);
  });

  it('no answer in time is 504, and a connection that answers no PING is left', async () => {
    // It takes the request and then says nothing more, not even to a PING.
    await using origin = await framedOrigin(() => {});
    await using edge = await TestEdge.start(
      http2Edge(origin.url, { http2: { pingTimeoutMs: 1 } }, { timeouts: { responseMs: 1 } }),
    );
    using client = await RawClient.connect(edge.address);
    client.send(get());
    assert.equal(statusOf(await client.response()), 504);
    await edge.until('weir_upstream_connections_open', 0);
  });

  it('an early answer arrives although the request is not at its end', async () => {
    await using origin = await Http2Origin.start(answering('too large', 413));
    await using edge = await TestEdge.start(http2Edge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\nbegin');
    const response = await client.response();
    assert.equal(statusOf(response), 413);
    assert.equal(response.body, 'too large');
    assert.deepEqual(fieldValues(response, 'connection'), ['close']);
  });

  const block = (...fields: readonly (readonly [string, string])[]): Buffer =>
    Buffer.concat([
      status200,
      ...fields.flatMap(([name, value]) => [
        // A literal field without indexing, both as plain text (RFC 7541 section 6.2.2).
        Buffer.from([0x00, name.length]),
        Buffer.from(name),
        Buffer.from([value.length]),
        Buffer.from(value),
      ]),
    ]);
  const headers = (payload: Buffer, flags = endHeaders | endStream, stream = 1): Buffer =>
    frame(frameType.headers, flags, stream, payload);
  const hostile: readonly (readonly [string, Buffer])[] = [
    ['a transfer coding', headers(block(['transfer-encoding', 'chunked']))],
    ['a Connection field', headers(block(['connection', 'close']))],
    ['a name in upper case', headers(block(['X-Up', '1']))],
    ['two lengths', headers(block(['content-length', '0'], ['content-length', '0']))],
    ['a signed length', headers(block(['content-length', '+0']))],
    ['a length and no body', headers(block(['content-length', '5']))],
    ['no status', headers(block(['x-a', 'b']).subarray(1))],
    ['an index outside the table', headers(Buffer.from([0xff, 0xff, 0x7f]))],
    ['a frame longer than agreed', frame(frameType.data, 0, 1, Buffer.alloc(20_000))],
    ['data before its head', frame(frameType.data, 0, 1, Buffer.from('x'))],
    ['a stream of its own', frame(5, endHeaders, 1, Buffer.from([0, 0, 0, 2, 0x88]))],
    ['a head without an end', headers(block(['x-a', 'b']), 0)],
    ['no HTTP/2', Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')],
    [
      'too many informational answers',
      Buffer.concat(
        Array.from({ length: 17 }, () =>
          headers(Buffer.concat([Buffer.from([0x08, 3]), Buffer.from('103')]), endHeaders),
        ),
      ),
    ],
    ['too many fields', headers(block(...Array.from({ length: 300 }, () => ['a', 'b'] as const)))],
  ];
  /** Unanswered rather than answered wrongly: the time limit ends it. */
  const unanswered = new Set(['a head without an end', 'a stream of its own']);
  for (const [name, bytes] of hostile) {
    const expected = unanswered.has(name) ? 504 : 502;
    it(`${expected} for ${name}, and the next request is answered`, async () => {
      let isHostile = true;
      await using origin = await framedOrigin(({ socket }, stream) => {
        if (isHostile) socket.write(bytes);
        else socket.write(frame(frameType.headers, endHeaders | endStream, stream, status200));
      });
      await using edge = await TestEdge.start(
        http2Edge(origin.url, {}, { timeouts: { responseMs: 1_000 } }),
      );
      using client = await RawClient.connect(edge.address);
      client.send(get());
      assert.equal(statusOf(await client.response()), expected);
      isHostile = false;
      client.send(get());
      const [, second] = await client.responses(2);
      assert.equal(second === undefined ? 0 : statusOf(second), 200);
    });
  }

  for (const [name, value] of [
    ['a line break', 'b\r\nc: d'],
    ['a null byte', 'b\0c'],
  ] as const) {
    it(`a field with ${name} in its value goes no further`, async () => {
      await using origin = await framedOrigin(({ socket }) =>
        socket.write(headers(block(['x-a', value], ['x-b', 'kept']))),
      );
      await using edge = await TestEdge.start(http2Edge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(get());
      const response = await client.response();
      assert.deepEqual(fieldValues(response, 'x-b'), ['kept']);
      assert.deepEqual(fieldValues(response, 'x-a'), []);
      assert.deepEqual(fieldValues(response, 'c'), []);
    });
  }
});
