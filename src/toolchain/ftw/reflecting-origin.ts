/**
 * The origin that the tests presume (coreruleset/albedo): 200 with an empty body to everything, and
 * `POST /reflect` answers as its JSON body says.
 *
 * On sockets and with a tolerant reader, since what comes through the proxy may be more than an HTTP
 * library takes: unknown methods, raw bytes in the target. It serves a test run on the loopback alone.
 */
import { createServer, type Server, type Socket } from 'node:net';

export type ReflectingOrigin = AsyncDisposable & { readonly port: number };

const headBytesMax = 256 * 1024;
const bodyBytesMax = 32 * 1024 * 1024;
const idleTimeoutMs = 30_000;

export async function startReflectingOrigin(): Promise<ReflectingOrigin> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function serve(socket: Socket): void {
  let received = Buffer.alloc(0);
  socket.setTimeout(idleTimeoutMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (let read = readRequest(received); read !== null; read = readRequest(received)) {
      if (read === 'unreadable') {
        socket.end(answerBytes({ status: 400, headers: {}, body: Buffer.alloc(0) }, false));
        return;
      }
      received = received.subarray(read.bytes);
      const answer = answerTo(read);
      socket.write(answerBytes(answer, read.method === 'HEAD'));
      if (read.isLast) socket.end();
    }
  });
}

type OriginRequest = {
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
  /** Of the connection. */
  readonly isLast: boolean;
  readonly bytes: number;
};

/** Null while more must come. */
function readRequest(received: Buffer): OriginRequest | 'unreadable' | null {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1) return received.length > headBytesMax ? 'unreadable' : null;
  const [requestLine = '', ...lines] = received.toString('latin1', 0, headEnd).split('\r\n');
  const field = (name: string): string =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? '';
  const bodyStart = headEnd + 4;
  const [method = '', path = ''] = requestLine.split(' ');
  const isLast = /\bclose\b/i.test(field('connection')) || requestLine.endsWith('HTTP/1.0');
  if (/\bchunked\b/i.test(field('transfer-encoding'))) {
    const chunked = readChunks(received, bodyStart);
    return chunked === null || chunked === 'unreadable'
      ? chunked
      : { method, path, isLast, ...chunked };
  }
  const length = field('content-length') === '' ? 0 : Number(field('content-length'));
  if (!Number.isInteger(length) || length < 0 || length > bodyBytesMax) return 'unreadable';
  if (received.length < bodyStart + length) return null;
  const body = received.subarray(bodyStart, bodyStart + length);
  return { method, path, isLast, body, bytes: bodyStart + length };
}

function readChunks(
  received: Buffer,
  from: number,
): { readonly body: Buffer; readonly bytes: number } | 'unreadable' | null {
  const chunks: Buffer[] = [];
  let at = from;
  while (true) {
    const lineEnd = received.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const size = /^[0-9a-fA-F]{1,7}/.exec(received.toString('latin1', at, lineEnd))?.[0];
    if (size === undefined || lineEnd - from > bodyBytesMax) return 'unreadable';
    const length = Number.parseInt(size, 16);
    at = lineEnd + 2;
    if (length === 0) {
      // Trailers, if any, end as heads do.
      const isEmpty = received.subarray(at, at + 2).equals(crlf);
      const end = isEmpty ? at : received.indexOf('\r\n\r\n', at) + 2;
      if (received.length < at + 2 || end === 1) return null;
      return { body: Buffer.concat(chunks), bytes: end + 2 };
    }
    if (received.length < at + length + 2) return null;
    chunks.push(received.subarray(at, at + length));
    at += length + 2;
  }
}

const crlf = Buffer.from('\r\n');

type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
};

function answerTo({ method, path, body }: OriginRequest): Answer {
  if (method === 'POST' && /^\/reflect\/?(?:\?|$)/.test(path)) return reflected(body);
  return { status: 200, headers: {}, body: Buffer.alloc(0) };
}

function reflected(body: Buffer): Answer {
  const refused = { status: 400, headers: {}, body: Buffer.from('not a reflection\n') };
  let asked: unknown;
  try {
    asked = JSON.parse(body.toString('utf8'));
  } catch {
    return refused;
  }
  if (typeof asked !== 'object' || asked === null) return refused;
  const { status = 200, headers = {}, body: text, encodedBody } = asked as Record<string, unknown>;
  if (typeof status !== 'number' || status < 100 || status > 599) return refused;
  if (typeof headers !== 'object' || headers === null) return refused;
  return {
    status,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, String(value)]),
    ),
    body:
      typeof encodedBody === 'string' && encodedBody !== ''
        ? Buffer.from(encodedBody, 'base64')
        : Buffer.from(typeof text === 'string' ? text : '', 'utf8'),
  };
}

function answerBytes({ status, headers, body }: Answer, isHead: boolean): Buffer {
  const fields = Object.entries(headers).filter(
    ([name]) => name.toLowerCase() !== 'content-length',
  );
  if (body.length > 0 && !fields.some(([name]) => name.toLowerCase() === 'content-type')) {
    fields.push(['Content-Type', 'text/plain; charset=utf-8']);
  }
  fields.push(['Content-Length', String(body.length)]);
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = Buffer.from(`HTTP/1.1 ${status} Reflected\r\n${lines}\r\n`, 'latin1');
  return isHead ? head : Buffer.concat([head, body]);
}
