/**
 * The management API: HTTP in front of a `NodeControl`.
 *
 * ```
 * request → Host (421) → Origin (403) → token (401, then 429) → media type, size (415, 413)
 *         → schema (400) → control call → answer, serialised by its schema
 *                             └ thrown → `#admin/answers.ts`
 * ```
 *
 * The first three run before a byte of the body is read. `/health` and `/ready` need no token, because
 * whoever restarts or balances has none; they tell states and nothing else. TLS is left out: the
 * address is on loopback, and from afar one goes through an ssh tunnel.
 */
import { once } from 'node:events';
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify';
import { answerThrown, sendError } from '#admin/answers.ts';
import { AttemptLimit } from '#admin/attempt-limit.ts';
import { compileTokenCheck, isOwnHost, isOwnOrigin } from '#admin/caller-checks.ts';
import type { NodeControl } from '#admin/control.ts';
import { addRoutes } from '#admin/routes.ts';
import { jsonBodyBytesMax } from '#admin/schema.ts';
import { parseListenAddress } from '#config/address.ts';
import { WeirError } from '#core/errors.ts';

export type AdminOptions = {
  readonly control: NodeControl;
  /** host:port; IPv6 as `[::1]:9999`; port 0 lets the system pick. */
  readonly address: string;
  /** A socket bound to that address already; null to bind here. */
  readonly descriptor?: number | null;
  readonly token: string;
  readonly logger: FastifyBaseLogger;
};

export type AdminServer = {
  /** The address bound, as `http://host:port`. */
  readonly address: string;
  /** Takes no new connections; calls under way are answered. */
  stopListening(): void;
  close(): Promise<void>;
};

const connectionsMax = 256;
const requestTimeoutMs = 60_000;
const keepAliveTimeoutMs = 65_000;
const publicPaths: ReadonlySet<string> = new Set(['/health', '/ready']);

export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const address = parseListenAddress(options.address);
  if (address === null) {
    throw new WeirError('LISTEN_FAILED', `"${options.address}" is not host:port`, {
      details: ['write admin.address as 127.0.0.1:9999 or [::1]:9999'],
    });
  }
  const { host, port } = address;
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: jsonBodyBytesMax,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    exposeHeadRoutes: false,
    // fastify's own defaults drop unknown keys and turn "5" into 5; here both are refused.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
  });
  app.server.maxConnections = connectionsMax;
  // A form in a browser can send text/plain across sites without asking first.
  app.removeContentTypeParser('text/plain');
  app.setErrorHandler(answerThrown);
  app.setNotFoundHandler((request, reply) =>
    sendError(
      reply,
      404,
      'NOT_FOUND',
      `there is no ${request.method} ${request.url.split('?', 1)[0]}`,
    ),
  );
  let isLeaving = false;
  // A kept connection would lead its caller to this process for ever, and another one is the node now.
  app.addHook('onSend', async (_request, reply) => {
    if (isLeaving) reply.header('connection', 'close');
  });
  guardCallers(app, host, options.token);
  logChanges(app);
  addRoutes(app, options.control);

  try {
    const bound =
      typeof options.descriptor === 'number'
        ? await listenOn(app, options.descriptor, options.address)
        : await app.listen({
            host,
            port,
            listenTextResolver: (at) => `management api listens on ${at}`,
          });
    return {
      address: bound,
      stopListening: () => {
        isLeaving = true;
        app.server.close();
      },
      close: async () => {
        app.server.close();
        app.server.closeIdleConnections();
        await app.close();
      },
    };
  } catch (error) {
    await app.close();
    throw new WeirError(
      'LISTEN_FAILED',
      `cannot listen on ${options.address} for the management API`,
      {
        cause: error,
        details: ['free the address, or set another one with admin.address (WEIR_ADMIN_ADDRESS)'],
      },
    );
  }
}

async function listenOn(app: FastifyInstance, fd: number, address: string): Promise<string> {
  await app.ready();
  app.server.listen({ fd, backlog: 511 });
  await once(app.server, 'listening');
  app.log.info(`management api listens on http://${address}`);
  return `http://${address}`;
}

/** The three checks, in the order of the drawing above. */
function guardCallers(app: FastifyInstance, boundHost: string, token: string): void {
  const checkToken = compileTokenCheck(token);
  const attempts = new AttemptLimit(() => performance.now());

  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    if (!isOwnHost(request.headers.host, boundHost)) {
      return sendError(
        reply,
        421,
        'HOST_REFUSED',
        'this server answers to localhost and its own address only',
      );
    }
    if (!isOwnOrigin(request.headers.origin, request.headers.host)) {
      return sendError(
        reply,
        403,
        'ORIGIN_REFUSED',
        'pages of another origin may not call this server',
      );
    }
    if (publicPaths.has(request.routeOptions.url ?? '')) return undefined;

    const outcome = checkToken(request.headers.authorization);
    if (outcome === 'ok') return undefined;
    const retryAfterSeconds = attempts.fail(request.ip);
    if (retryAfterSeconds !== null) {
      reply.header('retry-after', String(retryAfterSeconds));
      return sendError(
        reply,
        429,
        'TOO_MANY_ATTEMPTS',
        'too many failed attempts from this address; wait, then use the token',
      );
    }
    request.log.warn(
      { source: request.ip, path: request.url, outcome },
      'management call without the token',
    );
    reply.header('www-authenticate', 'Bearer realm="weir"');
    return sendError(
      reply,
      401,
      'UNAUTHORIZED',
      `the token is ${outcome}: send "Authorization: Bearer TOKEN", with TOKEN from the file "token" in the daemon's state directory`,
    );
  });
}

/** One line for each call that is not a plain read: who changed what, and how it ended. */
function logChanges(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    if (request.method === 'GET' || reply.statusCode === 401 || reply.statusCode === 429) return;
    request.log.info(
      { source: request.ip, method: request.method, path: request.url, status: reply.statusCode },
      'management call',
    );
  });
}
