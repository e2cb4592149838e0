/** gRPC from end to end: a real client, the edge with HTTP/2 on both sides, a real server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { TestEdge } from '../support/edge.ts';

const asIs = (value: Buffer): Buffer => value;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});
const service = {
  Say: method('Say', false, false),
  Count: method('Count', false, true),
  Sum: method('Sum', true, false),
  Talk: method('Talk', true, true),
};

type EchoServer = Disposable & {
  readonly url: string;
  /** A call that is not answered has come; it has been cancelled. */
  readonly waiting: Promise<void>;
  readonly cancelled: Promise<void>;
};

async function startServer(): Promise<EchoServer> {
  const { promise: waiting, resolve: onWaiting } = Promise.withResolvers<void>();
  const { promise: cancelled, resolve: onCancelled } = Promise.withResolvers<void>();
  const server = new grpc.Server();
  server.addService(service, {
    Say: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      const text = call.request.toString();
      const trailers = new grpc.Metadata();
      trailers.set('x-said', text);
      if (text === 'fail') done({ code: grpc.status.NOT_FOUND, details: 'no such thing' });
      else if (text === 'wait') {
        call.on('cancelled', () => onCancelled());
        onWaiting();
      } else done(null, call.request, trailers);
    },
    Count: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      for (let i = 0; i < 100; i++) call.write(Buffer.alloc(10_000, i));
      call.end();
    },
    Sum: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      let sum = 0;
      call.on('data', (part: Buffer) => {
        sum += part.length;
      });
      call.on('end', () => done(null, Buffer.from(String(sum))));
    },
    Talk: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (part: Buffer) => call.write(Buffer.from(`${part}!`)));
      call.on('end', () => call.end());
    },
  } as unknown as grpc.UntypedServiceImplementation);
  const credentials = grpc.ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return {
    url: `http://127.0.0.1:${port}`,
    waiting,
    cancelled,
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}

describe('gRPC through the edge', async () => {
  const site = await makeDevelopmentCertificate(['localhost']);
  const withClient = async (
    use: (client: grpc.Client, edge: TestEdge, server: EchoServer) => Promise<void>,
  ): Promise<void> => {
    using server = await startServer();
    await using edge = await TestEdge.start({
      listeners: [
        { address: '127.0.0.1:0', tls: { certificates: [{ cert: 'site.crt', key: 'site.key' }] } },
      ],
      certificates: [{ listener: 0, cert: site.certificate, key: site.privateKey }],
      upstreams: { app: { protocol: 'http2', servers: [{ url: server.url }] } },
      routes: [{ upstream: 'app' }],
    });
    const port = edge.address.slice(edge.address.lastIndexOf(':'));
    const roots = Buffer.from(site.certificate);
    const client = new grpc.Client(`localhost${port}`, grpc.credentials.createSsl(roots));
    try {
      await use(client, edge, server);
    } finally {
      client.close();
    }
  };
  const say = (client: grpc.Client, text: string) =>
    new Promise<{ text: string; code: number; details: string; said: unknown }>((resolve) => {
      let text_ = '';
      const call = client.makeUnaryRequest(
        service.Say.path,
        asIs,
        asIs,
        Buffer.from(text),
        new grpc.Metadata(),
        (_error, value) => {
          text_ = value?.toString() ?? '';
        },
      );
      call.on('status', ({ code, details, metadata }) =>
        setImmediate(() => resolve({ text: text_, code, details, said: metadata.get('x-said') })),
      );
    });

  it('a call answers, with its status and trailers', () =>
    withClient(async (client) => {
      const answer = await say(client, 'hello');
      assert.deepEqual(answer, { text: 'hello', code: 0, details: 'OK', said: ['hello'] });
    }));

  it('an error keeps its code and its words', () =>
    withClient(async (client) => {
      const { code, details } = await say(client, 'fail');
      assert.equal(code, grpc.status.NOT_FOUND);
      assert.equal(details, 'no such thing');
    }));

  it('a hundred calls at once share a connection to the server', () =>
    withClient(async (client, edge) => {
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, i) => say(client, `call ${i}`)),
      );
      const said = answers.map(({ text }) => text);
      assert.deepEqual(
        said,
        said.map((_, i) => `call ${i}`),
      );
      assert.equal(edge.sample('weir_upstream_connections_open'), 1);
    }));

  it('a stream of answers comes whole', () =>
    withClient(async (client) => {
      const call = client.makeServerStreamRequest(service.Count.path, asIs, asIs, Buffer.alloc(0));
      let bytes = 0;
      for await (const part of call) bytes += (part as Buffer).length;
      assert.equal(bytes, 1_000_000);
    }));

  it('a stream of requests arrives whole', () =>
    withClient(async (client) => {
      const sum = await new Promise<string>((resolve, reject) => {
        const call = client.makeClientStreamRequest(service.Sum.path, asIs, asIs, (error, value) =>
          error === null ? resolve(String(value)) : reject(error),
        );
        for (let i = 0; i < 100; i++) call.write(Buffer.alloc(10_000));
        call.end();
      });
      assert.equal(sum, '1000000');
    }));

  it('a conversation goes both ways at once', () =>
    withClient(async (client) => {
      const call = client.makeBidiStreamRequest(service.Talk.path, asIs, asIs);
      const heard: string[] = [];
      for (const word of ['one', 'two', 'three']) {
        call.write(Buffer.from(word));
        heard.push(
          await new Promise<string>((resolve) =>
            call.once('data', (part: Buffer) => resolve(part.toString())),
          ),
        );
      }
      const ended = new Promise((resolve) => call.once('status', resolve));
      call.resume();
      call.end();
      assert.deepEqual(heard, ['one!', 'two!', 'three!']);
      assert.equal(((await ended) as grpc.StatusObject).code, 0);
    }));

  it('a call that is cancelled is taken back from the server', () =>
    withClient(async (client, edge, server) => {
      const call = client.makeUnaryRequest(
        service.Say.path,
        asIs,
        asIs,
        Buffer.from('wait'),
        () => {},
      );
      const ended = new Promise<grpc.StatusObject>((resolve) => call.on('status', resolve));
      await server.waiting;
      call.cancel();
      await server.cancelled;
      assert.equal((await ended).code, grpc.status.CANCELLED);
      await edge.until('weir_requests_total{outcome="aborted"}', 1);
      assert.equal((await say(client, 'after')).text, 'after');
    }));
});
