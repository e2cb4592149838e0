/**
 * The demo shop: a backend with one of everything an edge has to carry — pages, forms, JSON, large
 * bodies both ways, chunked answers, slow answers, a WebSocket, server-sent events.
 *
 * It is well behaved by itself (values are escaped, bodies bounded), because what it shows is the edge
 * in front and not holes behind it; `/debug/environment` alone says what it should not. It listens on loopback and holds no state worth keeping.
 */
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type FastifyInstance, fastify } from 'fastify';
import { canaryToken } from '#demo/canary.ts';
import { findProduct, products, searchProducts } from '#demo/catalogue.ts';
import { addEcho } from '#demo/echo.ts';
import { type Issuer, keySetPath, makeIssuer } from '#demo/issuer.ts';
import { contentSecurityPolicy } from '#demo/layout.ts';
import { parseOrder } from '#demo/order.ts';
import * as pages from '#demo/pages.ts';
import { digestStream, patternStream, streamedBytesMax } from '#demo/streams.ts';
import { Ticks } from '#demo/ticks.ts';

export type Shop = {
  readonly url: string;
  /** For its pages that need one. */
  readonly token: string;
  close(): Promise<void>;
};

export const orderBytesMax = 64 * 1024;
export const slowMsMax = 60_000;
/** Longer than an edge keeps unused connections, so that the edge is the one that closes them. */
const keepAliveTimeoutMs = 65_000;
/** What is in flight at the end may take this long; then it is cut. */
const closeGraceMs = 5_000;

/** `address` is host:port, IPv6 in brackets. */
export async function startShop(options: { readonly address?: string } = {}): Promise<Shop> {
  const { hostname, port } = new URL(`http://${options.address ?? '127.0.0.1:0'}`);
  const app = fastify({ bodyLimit: orderBytesMax, keepAliveTimeout: keepAliveTimeoutMs });
  const ticks = new Ticks();
  const echo = addEcho(app.server);
  const stopping = new AbortController();
  addPages(app);
  const issuer = makeIssuer(Date.now());
  addApi(app, issuer);
  addStreams(app, ticks, stopping.signal);

  // URL leaves port 80 out.
  const url = await app.listen({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 80 : Number(port),
  });
  return {
    url,
    token: issuer.token,
    async close() {
      ticks.close();
      echo.close();
      stopping.abort();
      const cut = setTimeout(() => app.server.closeAllConnections(), closeGraceMs);
      await app.close();
      clearTimeout(cut);
    },
  };
}

function addPages(app: FastifyInstance): void {
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
    if (String(reply.getHeader('content-type')).startsWith('text/html')) {
      reply.header('content-security-policy', contentSecurityPolicy);
    }
  });
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(body.toString()))),
  );
  const asHtml = 'text/html; charset=utf-8';
  app.get('/', (_request, reply) => reply.type(asHtml).send(pages.homePage()));
  app.get<{ Params: { id: string } }>('/products/:id', ({ params }, reply) => {
    const product = findProduct(params.id);
    if (product === null) return reply.callNotFound();
    return reply.type(asHtml).send(pages.productPage(product));
  });
  app.get<{ Querystring: { q?: unknown } }>('/search', ({ query }, reply) => {
    const wanted = typeof query.q === 'string' ? query.q.trim() : '';
    return reply
      .type(asHtml)
      .send(pages.searchPage(wanted, wanted === '' ? [] : searchProducts(wanted)));
  });
  app.get<{ Querystring: { product?: unknown } }>('/order', ({ query }, reply) =>
    reply
      .type(asHtml)
      .send(pages.orderFormPage(typeof query.product === 'string' ? query.product : '')),
  );
  app.post('/order', ({ body }, reply) => {
    const fields = recordOf(body);
    const parsed = parseOrder(fields);
    reply.type(asHtml);
    if (parsed.ok) return reply.send(pages.orderDonePage(parsed.order));
    return reply
      .code(422)
      .send(pages.orderFormPage(String(fields['product'] ?? ''), parsed.problems));
  });
  app.get('/upload', (_request, reply) => reply.type(asHtml).send(pages.uploadPage()));
  app.get('/echo', (_request, reply) => reply.type(asHtml).send(pages.echoPage()));
  app.get('/ticks', (_request, reply) => reply.type(asHtml).send(pages.ticksPage()));
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).type(asHtml).send(pages.missingPage()),
  );
}

function addApi(app: FastifyInstance, { keySet }: Issuer): void {
  app.get('/api/products', () => ({ products }));
  app.post('/api/orders', ({ body }, reply) => {
    const parsed = parseOrder(recordOf(body));
    if (!parsed.ok) return reply.code(422).send({ problems: parsed.problems });
    return reply.code(201).send(parsed.order);
  });
  app.get(keySetPath, () => keySet);
  // It believes what the edge says of the visitor, so the edge must be the only one to say it.
  app.get('/account', ({ headers }) => ({ user: headers['x-user'] ?? null }));
  app.get('/healthz', () => ({ status: 'ok' }));
  // The careless page: the edge in front must not let it out.
  app.get('/debug/environment', (_request, reply) =>
    reply.type('text/plain').send(`SHOP_DATABASE_PASSWORD=${canaryToken}\n`),
  );
  // What the edge makes of a request: handy to see X-Forwarded-For and its kin.
  app.get('/headers', ({ headers }) => ({ headers }));
}

function addStreams(app: FastifyInstance, ticks: Ticks, stopping: AbortSignal): void {
  const bytesSchema = {
    params: {
      type: 'object',
      properties: { bytes: { type: 'integer', minimum: 0, maximum: streamedBytesMax } },
      required: ['bytes'],
    },
  };
  app.get<{ Params: { bytes: number } }>(
    '/bytes/:bytes',
    { schema: bytesSchema },
    ({ params }, reply) =>
      reply
        .type('application/octet-stream')
        .header('content-length', params.bytes)
        .send(patternStream(params.bytes)),
  );
  app.get<{ Params: { bytes: number } }>(
    '/chunked/:bytes',
    { schema: bytesSchema },
    ({ params }, reply) =>
      // Said aloud because node:http would give an empty stream a content-length of 0.
      reply
        .type('application/octet-stream')
        .header('transfer-encoding', 'chunked')
        .send(patternStream(params.bytes)),
  );

  const slowSchema = {
    querystring: {
      type: 'object',
      properties: { ms: { type: 'integer', minimum: 0, maximum: slowMsMax, default: 1_000 } },
    },
  };
  app.get<{ Querystring: { ms: number } }>('/slow', { schema: slowSchema }, async ({ query }) => {
    const startMs = performance.now();
    // A shop that closes answers at once.
    await delay(query.ms, undefined, { signal: stopping }).catch(() => undefined);
    return { waitedMs: Math.round(performance.now() - startMs) };
  });

  app.get('/events', (_request, reply) => {
    reply.hijack();
    if (!ticks.add(reply.raw)) reply.raw.writeHead(503, { 'content-length': '0' }).end();
  });

  // In a scope of its own: any media type is taken here as it comes, and only here without a limit.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    // Without a body and a media type no parser runs; the raw request then ends at once.
    scope.post<{ Body: IncomingMessage | undefined }>('/upload', ({ body, raw }) =>
      digestStream(body ?? raw),
    );
  });
}

function recordOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? Object.fromEntries(Object.entries(body)) : {};
}
