/** A gRPC service without a schema: bytes in, the same bytes out, one by one or as two streams. */
import { once } from 'node:events';
import grpc from '@grpc/grpc-js';

const same = (bytes: Buffer): Buffer => bytes;
const method = (path: string, isStream: boolean): grpc.MethodDefinition<Buffer, Buffer> => ({
  path,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
const unary = method('/weir.test.Echo/Say', false);
const stream = method('/weir.test.Echo/Talk', true);

export type GrpcEcho = { readonly port: number; close(): void };

export async function startGrpcEcho(): Promise<GrpcEcho> {
  const server = new grpc.Server();
  server.addService(
    { say: unary, talk: stream },
    {
      say: (
        call: grpc.ServerUnaryCall<Buffer, Buffer>,
        done: (error: Partial<grpc.StatusObject> | null, answer?: Buffer) => void,
      ) => {
        if (call.request.length > 0) done(null, call.request);
        // A failure travels as trailers alone.
        else done({ code: grpc.status.INVALID_ARGUMENT, details: 'nothing to say' });
      },
      talk: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (bytes: Buffer) => call.write(bytes));
        call.on('end', () => call.end());
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}

export class GrpcCaller implements Disposable {
  readonly #client: grpc.Client;

  constructor(port: number, certificate: string) {
    this.#client = new grpc.Client(
      `127.0.0.1:${port}`,
      grpc.credentials.createSsl(Buffer.from(certificate)),
      { 'grpc.ssl_target_name_override': 'localhost' },
    );
  }

  /** The answer, or the status code and details it failed with. */
  say(bytes: Buffer): Promise<Buffer | { readonly code: number; readonly details: string }> {
    return new Promise((resolve) =>
      this.#client.makeUnaryRequest(unary.path, same, same, bytes, (error, answer) =>
        resolve(
          error === null
            ? (answer ?? Buffer.alloc(0))
            : { code: error.code, details: error.details },
        ),
      ),
    );
  }

  /** Each message goes out when the one before it has come back. */
  async talk(messages: readonly Buffer[]): Promise<Buffer[]> {
    const call = this.#client.makeBidiStreamRequest(stream.path, same, same);
    const answers: Buffer[] = [];
    for (const message of messages) {
      const came = once(call, 'data');
      call.write(message);
      answers.push(((await came) as [Buffer])[0]);
    }
    const ended = once(call, 'end');
    call.resume();
    call.end();
    await ended;
    return answers;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
