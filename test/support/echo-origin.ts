/** An origin for load: answers each request with the fields it is asked to hand back. */
import { createServer } from 'node:http';
import { serveOnLoopback } from './loopback-server.ts';

export type EchoOrigin = AsyncDisposable & { readonly url: string };

/** Once it has read the request's body. The answer is the values of these request fields, one a line, `-` for one that is not there. */
export async function startEchoOrigin(fields: readonly string[]): Promise<EchoOrigin> {
  const server = createServer((request, response) => {
    const body = fields.map((name) => String(request.headers[name] ?? '-')).join('\n');
    // An answer before the end would have begun when rules look at the rest.
    request.resume().once('end', () => {
      response.writeHead(200, { 'content-length': Buffer.byteLength(body) });
      response.end(body);
    });
  });
  server.keepAliveTimeout = 0;
  const { port, close } = await serveOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: close,
  };
}
