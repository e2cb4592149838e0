/** A server of lists over https that a test writes, with validators as real ones have. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:https';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { serveOnLoopback } from './loopback-server.ts';

export type ListServer = AsyncDisposable & {
  readonly url: string;
  /** PEM. */
  readonly certificate: string;
  /** By path. */
  readonly lists: Map<string, string>;
  /** Status and validator of each answer, in order. */
  readonly answers: { readonly path: string; readonly status: number }[];
  close(): Promise<void>;
};

export async function startListServer(): Promise<ListServer> {
  const { certificate, privateKey } = await makeDevelopmentCertificate(['127.0.0.1', 'localhost']);
  const lists = new Map<string, string>();
  const answers: { path: string; status: number }[] = [];
  const server = createServer({ cert: certificate, key: privateKey }, (request, response) => {
    const path = request.url ?? '';
    const text = lists.get(path);
    const etag = `"${createHash('sha256')
      .update(text ?? '')
      .digest('hex')
      .slice(0, 16)}"`;
    const status =
      text === undefined
        ? 404
        : text.startsWith('=> ')
          ? 302
          : request.headers['if-none-match'] === etag
            ? 304
            : 200;
    answers.push({ path, status });
    if (status === 302) response.setHeader('location', text?.slice(3) ?? '');
    if (status === 200 || status === 304) response.setHeader('etag', etag);
    response.writeHead(status);
    response.end(status === 200 ? text : '');
  });
  const { port, close } = await serveOnLoopback(server);
  return {
    url: `https://127.0.0.1:${port}`,
    certificate,
    lists,
    answers,
    close,
    [Symbol.asyncDispose]: close,
  };
}
