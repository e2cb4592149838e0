/** What events are sent to: collectors of syslog over UDP, TCP and TLS, and a receiver of webhooks, all on loopback. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttp, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { serveOnLoopback } from './loopback-server.ts';

export type Collector = AsyncDisposable & {
  readonly port: number;
  /** Whole messages, in their order. */
  readonly messages: string[];
};

export async function udpCollector(): Promise<Collector> {
  const socket = createSocket('udp4');
  const messages: string[] = [];
  socket.on('message', (bytes) => messages.push(bytes.toString()));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    messages,
    [Symbol.asyncDispose]: async () => {
      socket.close();
    },
  };
}

/** With a certificate it speaks TLS. `port` is one of before, for a collector that comes back. */
export async function streamCollector(
  tls: { readonly cert: string; readonly key: string } | null,
  port = 0,
): Promise<Collector> {
  const messages: string[] = [];
  const open = new Set<Socket>();
  const serve = (socket: Socket): void => {
    open.add(socket);
    let rest = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      for (;;) {
        const blank = rest.indexOf(' ');
        const length = Number(rest.subarray(0, Math.max(0, blank)).toString());
        if (blank <= 0 || rest.length < blank + 1 + length) break;
        messages.push(rest.subarray(blank + 1, blank + 1 + length).toString());
        rest = rest.subarray(blank + 1 + length);
      }
    });
  };
  const server: Server = tls === null ? createServer(serve) : createTls(tls, serve);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    messages,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export type Posted = { readonly headers: IncomingHttpHeaders; readonly body: string };

/** `statuses` are answered one after another, then 204. */
export async function webhookReceiver(
  statuses: number[] = [],
): Promise<AsyncDisposable & { readonly url: string; readonly posts: Posted[] }> {
  const posts: Posted[] = [];
  const server = createHttp((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      posts.push({ headers: request.headers, body });
      response.writeHead(statuses.shift() ?? 204).end();
    });
  });
  const { port, close } = await serveOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}/events`,
    posts,
    [Symbol.asyncDispose]: close,
  };
}
