/** An origin for load: answers each request with the fields it is asked to hand back. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type EchoOrigin = AsyncDisposable & { readonly url: string };

/** The body is the values of these request fields, one a line, `-` for one that is not there. */
export async function startEchoOrigin(fields: readonly string[]): Promise<EchoOrigin> {
  const server = createServer((request, response) => {
    const body = fields.map((name) => String(request.headers[name] ?? '-')).join('\n');
    response.writeHead(200, { 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
