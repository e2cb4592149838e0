/** Trailers: from either protocol, only to clients that asked, and gRPC end to end of its upstream leg. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { simpleEdge, TestEdge } from '../support/edge.ts';
import { statusOf } from '../support/http-read.ts';
import { Http2Origin } from '../support/http2-origin.ts';
import { RawClient } from '../support/raw-client.ts';
import { RawOrigin } from '../support/raw-origin.ts';

const get = (fields = ''): string => `GET / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;
const asks = get('TE: trailers\r\nConnection: TE\r\n');
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
/** What follows the last chunk on the wire. */
const sectionOf = (received: string): string | undefined => /\r\n0\r\n(.*)$/s.exec(received)?.[1];

describe('trailers of an HTTP/1.1 server', () => {
  it('reach a client that said TE: trailers, in any cutting of the bytes', async () => {
    const body = '2\r\nok\r\n0\r\nX-Sum: 1\r\nx-other:  a b \r\n\r\n';
    for (let at = 1; at < body.length; at++) {
      await using origin = await RawOrigin.start(({ socket }) => {
        socket.once('data', () => {
          socket.write(chunked + body.slice(0, at), () =>
            setImmediate(() => socket.write(body.slice(at))),
          );
        });
      });
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(asks);
      const received = await client.until((text) => /\r\n0\r\n(?:.+\r\n)*\r\n$/.test(text));
      assert.equal(sectionOf(received), 'X-Sum: 1\r\nx-other: a b\r\n\r\n', `cut at ${at}`);
    }
  });

  for (const [name, fields] of [
    ['says nothing of them', ''],
    ['takes another coding', 'TE: gzip, deflate;q=0.5\r\n'],
    ['names something like them', 'TE: xtrailers, trailers-not\r\n'],
  ] as const) {
    it(`do not reach a client that ${name}`, async () => {
      await using origin = await RawOrigin.answering(`${chunked}0\r\nX-Sum: 1\r\n\r\n`);
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(get(fields));
      assert.equal((await client.response()).body, '');
      assert.ok(!client.received.includes('X-Sum'));
    });
  }

  it('that frame, route, authenticate or describe are taken out, underscores or not', async () => {
    const bad = [
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
      'Host: evil.test',
      'Set-Cookie: a=1',
      'set_cookie: a=1',
      'Authorization: x',
      'Content_Type: text/html',
      'Cache-Control: public',
      'X-Forwarded-For: 1.2.3.4',
      'Location: /',
      'Connection: close',
      'Trailer: x',
    ];
    await using origin = await RawOrigin.answering(
      `${chunked}0\r\n${bad.join('\r\n')}\r\nGrpc-Status: 0\r\n\r\n`,
    );
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(asks);
    const received = await client.until((text) => text.includes('Grpc-Status'));
    assert.equal(sectionOf(received), 'Grpc-Status: 0\r\n\r\n');
  });

  for (const [size, isWhole] of [
    [8_192 - 'X: '.length - 2, true],
    [8_192, false],
  ] as const) {
    it(`${isWhole ? 'pass' : 'are refused and the answer cut'} with ${size} bytes in a value`, async () => {
      await using origin = await RawOrigin.start(({ socket }) => {
        socket.once('data', () => socket.write(`${chunked}2\r\nok\r\n`));
      });
      await using edge = await TestEdge.start(simpleEdge(origin.url));
      using client = await RawClient.connect(edge.address);
      client.send(asks);
      await client.until((text) => text.endsWith('ok\r\n'));
      (await origin.connection(0)).write(`0\r\nX: ${'a'.repeat(size)}\r\n\r\n`);
      if (isWhole) await client.until((text) => text.endsWith('a\r\n\r\n'));
      else assert.ok(!(await client.untilEnded()).includes('X: '));
    });
  }

  it('of a request go nowhere', async () => {
    await using origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    await using edge = await TestEdge.start(simpleEdge(origin.url));
    using client = await RawClient.connect(edge.address);
    client.send(
      'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
    );
    await client.response();
    assert.ok(origin.received.endsWith('2\r\nok\r\n0\r\n\r\n'));
  });
});

describe('trailers of an HTTP/2 server', () => {
  it('reach a client that asked; what may not travel is taken out', async () => {
    await using origin = await Http2Origin.start(({ stream }) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'grpc-status': '0', 'set-cookie': 'a=1', 'x-sum': 'é' }),
      );
      stream.end('ok');
    });
    await using edge = await TestEdge.start(simpleEdge(origin.url, {}, { protocol: 'http2' }));
    using client = await RawClient.connect(edge.address);
    client.send(asks);
    const received = await client.until((text) => text.includes('x-sum'));
    assert.equal(sectionOf(received), 'grpc-status: 0\r\nx-sum: \xe9\r\n\r\n');
  });
});

describe('a gRPC server behind the edge', () => {
  /** A frame of gRPC: not compressed, the length, the message. */
  const message = (text: string): string => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(Buffer.byteLength(text), 1);
    return Buffer.concat([head, Buffer.from(text)]).toString('latin1');
  };
  const bytes = (value: Buffer): Buffer => value;
  const shared = {
    requestStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const;
  const service = {
    Say: { ...shared, path: '/test.Echo/Say', responseStream: false },
    Count: { ...shared, path: '/test.Echo/Count', responseStream: true },
  } as const;

  async function startGrpc(): Promise<{ url: string; stop: () => void }> {
    const server = new grpc.Server();
    server.addService(service as unknown as grpc.ServiceDefinition, {
      Say: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
        if (call.request.toString() === 'fail')
          done({ code: grpc.status.NOT_FOUND, details: 'no such thing' });
        else done(null, Buffer.from(`you said ${call.request}`));
      },
      Count: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
        for (let i = 1; i <= 3; i++) call.write(Buffer.from(String(i)));
        call.end();
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    return { url: `http://127.0.0.1:${port}`, stop: () => server.forceShutdown() };
  }

  for (const [method, said, body, status] of [
    ['Say', 'hello', [message('you said hello')], '0'],
    ['Say', 'fail', [], '5'],
    ['Count', '', [message('1'), message('2'), message('3')], '0'],
  ] as const) {
    it(`${method}(${said}) answers with its messages and grpc-status ${status}`, async () => {
      const { url, stop } = await startGrpc();
      try {
        await using edge = await TestEdge.start(simpleEdge(url, {}, { protocol: 'http2' }));
        using client = await RawClient.connect(edge.address);
        const sent = message(said);
        client.send(
          `POST /test.Echo/${method} HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/grpc\r\nTE: trailers\r\nContent-Length: ${sent.length}\r\n\r\n${sent}`,
        );
        const received = await client.until(
          (text) => /grpc-status: \d+/.test(text) && text.endsWith('\r\n\r\n'),
        );
        assert.equal(statusOf({ first: received } as never), 200);
        for (const part of body) assert.ok(received.includes(part), JSON.stringify(received));
        assert.match(received, new RegExp(`grpc-status: ${status}\r\n`));
        if (status === '5')
          assert.match(received, /grpc-message: no%20such%20thing|grpc-message: no such thing/);
      } finally {
        stop();
      }
    });
  }
});
