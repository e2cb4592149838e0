/** A real HTTP/2 origin for upstream tests: cleartext by prior knowledge, or TLS with ALPN. */
import { once } from 'node:events';
import http2, { type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type net from 'node:net';

export type Http2Request = {
  readonly stream: ServerHttp2Stream;
  /** Names and values in turn, as they came. */
  readonly raw: readonly string[];
  readonly field: (name: string) => string | undefined;
};

export class Http2Origin implements AsyncDisposable {
  readonly sessions: ServerHttp2Session[] = [];
  readonly requests: Http2Request[] = [];
  readonly #server: http2.Http2Server;
  readonly #isTls: boolean;

  private constructor(server: http2.Http2Server, isTls: boolean) {
    this.#server = server;
    this.#isTls = isTls;
  }

  static async start(
    onRequest: (request: Http2Request, origin: Http2Origin) => void,
    options: http2.SecureServerOptions = {},
  ): Promise<Http2Origin> {
    const isTls = options.cert !== undefined;
    const server = isTls
      ? http2.createSecureServer({ ...options, allowHTTP1: false })
      : http2.createServer(options);
    const origin = new Http2Origin(server as http2.Http2Server, isTls);
    server.on('session', (session: ServerHttp2Session) => {
      origin.sessions.push(session);
      session.on('error', () => {});
    });
    server.on(
      'stream',
      (stream: ServerHttp2Stream, _headers: unknown, _flags: number, raw: string[]) => {
        stream.on('error', () => {});
        const field = (name: string): string | undefined => {
          const at = raw.findIndex((text, index) => index % 2 === 0 && text === name);
          return at < 0 ? undefined : raw[at + 1];
        };
        const request = { stream, raw, field };
        origin.requests.push(request);
        onRequest(request, origin);
      },
    );
    server.on('sessionError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return origin;
  }

  get url(): string {
    const { port } = this.#server.address() as net.AddressInfo;
    return `${this.#isTls ? 'https' : 'http'}://127.0.0.1:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy();
    this.#server.close();
  }
}

/** The whole body of a request. */
export async function bodyOf(stream: ServerHttp2Stream): Promise<string> {
  let text = '';
  for await (const bytes of stream) text += (bytes as Buffer).toString('latin1');
  return text;
}
