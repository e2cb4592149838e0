/** Requests over HTTP/2 by node:http2, which knows the protocol better than a test should have to. */
import http2 from 'node:http2';

export type Http2Answer = {
  readonly status: number;
  readonly fields: http2.IncomingHttpHeaders;
  readonly informational: readonly http2.IncomingHttpHeaders[];
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  /** The code the stream was closed with; 0 for none. */
  readonly code: number;
};

export class Http2Client implements Disposable {
  readonly session: http2.ClientHttp2Session;
  readonly goaways: number[] = [];

  constructor(address: string, isTls = true, options: http2.SecureClientSessionOptions = {}) {
    const port = address.slice(address.lastIndexOf(':') + 1);
    this.session = http2.connect(`${isTls ? 'https' : 'http'}://127.0.0.1:${port}`, {
      rejectUnauthorized: false,
      servername: 'edge.test',
      ...options,
    });
    this.session.on('error', () => {});
    this.session.on('goaway', (_code, lastId) => this.goaways.push(lastId));
  }

  /** Opens a stream; the caller writes its body. */
  open(
    fields: http2.OutgoingHttpHeaders,
    options: http2.ClientSessionRequestOptions = {},
  ): http2.ClientHttp2Stream {
    return this.session.request({ ':authority': 'edge.test', ...fields }, options);
  }

  request(
    fields: http2.OutgoingHttpHeaders,
    body?: string | Buffer,
    trailers?: http2.OutgoingHttpHeaders,
  ): Promise<Http2Answer> {
    const stream = this.open(fields, {
      endStream: body === undefined,
      ...(trailers === undefined ? {} : { waitForTrailers: true }),
    });
    if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    if (body !== undefined) stream.end(body);
    return Http2Client.answer(stream);
  }

  /** All there is of an answer once its stream has closed, well or not. */
  static answer(stream: http2.ClientHttp2Stream): Promise<Http2Answer> {
    let fields: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders = {};
    const informational: http2.IncomingHttpHeaders[] = [];
    const parts: Buffer[] = [];
    stream.on('response', (some) => {
      fields = some;
    });
    stream.on('headers', (some) => informational.push(some));
    stream.on('trailers', (some) => {
      trailers = some;
    });
    stream.on('data', (bytes: Buffer) => parts.push(bytes));
    stream.on('error', () => {});
    return new Promise((resolve) => {
      stream.on('close', () =>
        resolve({
          status: Number(fields[':status'] ?? 0),
          fields,
          informational,
          trailers,
          body: Buffer.concat(parts),
          code: stream.rstCode ?? 0,
        }),
      );
    });
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}
