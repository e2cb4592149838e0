/**
 * What the management API of a node and the API of an orchestrator have in common: a listener that lets
 * nobody near a route before it knows who asks.
 *
 * ```
 * request → Host (421) → Origin (403) → caller (401, then 429) → role (403)
 *         → media type, size (415, 413) → schema (400) → route → answer, serialised by its schema
 *                                                   └ thrown → `#admin/answers.ts`
 * ```
 *
 * The first four run before a byte of the body is read. `/health` and `/ready` need no token, because
 * whoever restarts or balances has none; they tell states and nothing else. TLS is left out: the
 * address is on loopback, and from afar one goes through an ssh tunnel.
 */
import { once } from 'node:events';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import { answerThrown, sendError } from '#admin/answers.ts';
import { type ApiCaller, type ApiRole, mayAs } from '#admin/api-roles.ts';
import { isOwnHost, isOwnOrigin } from '#admin/caller-checks.ts';
import { jsonBodyBytesMax } from '#admin/schema.ts';
import { parseListenAddress } from '#config/address.ts';
import { AttemptLimit } from '#core/attempt-limit.ts';
import { WeirError } from '#core/errors.ts';

export type ApiOptions = {
  /** host:port; IPv6 as `[::1]:9999`; port 0 lets the system pick. */
  readonly address: string;
  /** A socket bound to that address already; null to bind here. */
  readonly descriptor?: number | null;
  readonly logger: FastifyBaseLogger;
  /** As the log calls it: `management api`. */
  readonly name: string;
  /** The key of the configuration that has the address, and its environment name. */
  readonly setting: string;
  /** What to send, for a caller who is nobody. */
  readonly tokenHint: string;
  identify(request: FastifyRequest): ApiCaller | 'missing' | 'wrong';
  addRoutes(app: FastifyInstance): void;
};

export type ApiServer = {
  /** The address bound, as `http://host:port`. */
  readonly address: string;
  /** Takes no new connections; calls under way are answered. */
  stopListening(): void;
  close(): Promise<void>;
};

const connectionsMax = 256;
const requestTimeoutMs = 60_000;
const keepAliveTimeoutMs = 65_000;

export async function startApi(options: ApiOptions): Promise<ApiServer> {
  const address = parseListenAddress(options.address);
  if (address === null) {
    throw new WeirError('LISTEN_FAILED', `"${options.address}" is not host:port`, {
      details: [`write ${options.setting} as 127.0.0.1:9999 or [::1]:9999`],
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
  guardCallers(app, host, options);
  logChanges(app);
  options.addRoutes(app);

  try {
    const bound =
      typeof options.descriptor === 'number'
        ? await listenOn(app, options.descriptor, options)
        : await app.listen({
            host,
            port,
            listenTextResolver: (at) => `${options.name} listens on ${at}`,
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
      `cannot listen on ${options.address} for the ${options.name}`,
      {
        cause: error,
        details: [`free the address, or set another one with ${options.setting}`],
      },
    );
  }
}

async function listenOn(
  app: FastifyInstance,
  fd: number,
  { address, name }: ApiOptions,
): Promise<string> {
  await app.ready();
  app.server.listen({ fd, backlog: 511 });
  await once(app.server, 'listening');
  app.log.info(`${name} listens on http://${address}`);
  return `http://${address}`;
}

/** Where a route says nothing, and where there is no route: what is not there is for those who may look. */
export function neededRole(request: FastifyRequest): ApiRole | 'public' {
  const { needs } = request.routeOptions.config;
  return needs ?? (request.method === 'GET' || request.is404 ? 'read' : 'operate');
}

/** The checks, in the order of the drawing above. */
function guardCallers(app: FastifyInstance, boundHost: string, options: ApiOptions): void {
  const attempts = new AttemptLimit(() => performance.now());
  app.decorateRequest('caller', null);

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
    const needed = neededRole(request);
    if (needed === 'public') return undefined;

    const caller = options.identify(request);
    if (typeof caller !== 'string') {
      request.caller = caller;
      if (mayAs(caller.role, needed)) return undefined;
      return sendError(
        reply,
        403,
        'ROLE_REFUSED',
        `"${caller.name}" has the role ${caller.role}, and this call is for ${needed}`,
      );
    }
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
      { source: request.ip, path: request.url, outcome: caller },
      'management call without the token',
    );
    reply.header('www-authenticate', 'Bearer realm="weir"');
    return sendError(reply, 401, 'UNAUTHORIZED', `the token is ${caller}: ${options.tokenHint}`);
  });
}

/** One line for each call that is not a plain read: who changed what, and how it ended. */
function logChanges(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    if (request.method === 'GET' || reply.statusCode === 401 || reply.statusCode === 429) return;
    request.log.info(
      {
        source: request.ip,
        ...(request.caller === null ? {} : { caller: request.caller.name }),
        method: request.method,
        path: request.url,
        status: reply.statusCode,
      },
      'management call',
    );
  });
}
