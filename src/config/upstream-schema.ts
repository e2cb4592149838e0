/** `upstreams`: the backends, and how they are reached. */
import Type, { type Static } from 'typebox';
import { milliseconds, strict } from './schema-parts.ts';

const count = (fallback: number, maximum: number, description: string, minimum = 1) =>
  Type.Integer({ minimum, maximum, default: fallback, description });

const server = Type.Object(
  {
    url: Type.String({
      description: 'http://host:port, https://host:port or unix:/path/of/socket',
    }),
    weight: count(1, 1_000, 'share of the requests, beside the weights of the other servers'),
  },
  strict,
);

const upstreamTls = Type.Object(
  {
    ca: Type.Optional(
      Type.String({
        description: "PEM file with the authorities to trust, in place of Node's own list",
      }),
    ),
    serverName: Type.Optional(
      Type.String({
        maxLength: 253,
        description: "name asked for and verified, in place of the url's host",
      }),
    ),
    cert: Type.Optional(
      Type.String({ description: 'PEM file with the certificate chain shown to the servers' }),
    ),
    key: Type.Optional(Type.String({ description: 'PEM file with its private key' })),
    verify: Type.Boolean({
      default: true,
      description:
        'false takes any certificate, so anyone between can read and change everything; weir status says so',
    }),
    minVersion: Type.Union([Type.Literal('1.2'), Type.Literal('1.3')], {
      default: '1.2',
      description: 'oldest TLS version spoken',
    }),
  },
  strict,
);

const upstreamHttp2 = Type.Object(
  {
    sessionsMax: count(4, 256, 'connections to each server, per worker'),
    streamsMax: count(
      128,
      10_000,
      "requests at a time on a connection, within the server's own limit; then another is made",
    ),
    pingMs: milliseconds(
      300_000,
      'PING after so long without a byte while requests run; many gRPC servers close on more than one in 5 minutes',
    ),
    pingTimeoutMs: milliseconds(5_000, 'a PING not answered by then closes the connection'),
  },
  { ...strict, default: {} },
);

const health = Type.Object(
  {
    path: Type.String({ pattern: '^/', maxLength: 1_024, description: 'what is asked for' }),
    host: Type.Optional(
      Type.String({ maxLength: 253, description: "Host of the check, in place of the server's" }),
    ),
    intervalMs: milliseconds(10_000, 'between two checks of a server by a worker, ±10 %'),
    timeoutMs: milliseconds(2_000, 'an answer by then'),
    expect: Type.Array(Type.String({ pattern: '^[1-5][0-9]{2}(-[1-5][0-9]{2})?$' }), {
      default: ['200-399'],
      minItems: 1,
      maxItems: 16,
      description: 'statuses of a healthy server, single or as a range',
    }),
    healthyAfter: count(2, 100, 'good checks in a row that bring a server back'),
    unhealthyAfter: count(3, 100, 'bad checks in a row that take a server out'),
  },
  strict,
);

const breaker = Type.Object(
  {
    failures: count(
      5,
      10_000,
      'failed requests in a row that take a server out; 0 for no such bound',
      0,
    ),
    sharePercent: count(
      0,
      100,
      'failed share of the last 10 seconds that takes a server out (%); 0 for no such bound',
      0,
    ),
    shareRequestsMin: count(20, 1_000_000, 'requests in those seconds before the share counts'),
    statuses: Type.Array(Type.Integer({ minimum: 500, maximum: 599 }), {
      default: [],
      maxItems: 16,
      description: 'answers that count as failed; no answer, and one that breaks off, always do',
    }),
    openMs: milliseconds(60_000, 'how long a server stays out before it is tried'),
    trials: count(3, 100, 'requests let through then; all must succeed'),
  },
  { ...strict, default: {} },
);

const retryReason = Type.Union([
  Type.Literal('connect'),
  Type.Literal('closed'),
  Type.Literal('timeout'),
]);
const retryStatus = Type.Integer({ minimum: 502, maximum: 504 });

const retries = Type.Object(
  {
    max: count(2, 10, 'times a request is sent again; 0 for never', 0),
    budgetPercent: count(
      20,
      100,
      'retries, as a share of the requests of the last 10 seconds (%), per worker',
      0,
    ),
    budgetMin: count(10, 100_000, 'retries in 10 seconds that are always allowed, per worker', 0),
    on: Type.Array(retryReason, {
      default: ['connect', 'closed'],
      maxItems: 3,
      description:
        'connect: no connection was made; closed: a kept connection was closed under the request, or HTTP/2 said it was not processed; timeout: no answer, or no connection, in time',
    }),
    statuses: Type.Array(retryStatus, {
      default: [],
      maxItems: 3,
      description: 'answers after which another server is asked: 502, 503, 504',
    }),
  },
  { ...strict, default: {} },
);

/** What a route may say for itself; the budget is the upstream's, whoever asks. */
export const routeRetries = Type.Object(
  {
    max: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 10, description: 'instead of upstreams.NAME.retries' }),
    ),
    on: Type.Optional(
      Type.Array(retryReason, { maxItems: 3, description: 'instead of upstreams.NAME.retries' }),
    ),
    statuses: Type.Optional(
      Type.Array(retryStatus, { maxItems: 3, description: 'instead of upstreams.NAME.retries' }),
    ),
  },
  { ...strict, default: {} },
);

export const upstream = Type.Object(
  {
    servers: Type.Array(server, { minItems: 1, maxItems: 256, description: 'the servers' }),
    protocol: Type.Union([Type.Literal('http1'), Type.Literal('http2')], {
      default: 'http1',
      description:
        'what the servers speak; http2 (for gRPC) over http:// and unix: is by prior knowledge, and takes no WebSocket',
    }),
    balance: Type.Union(
      [Type.Literal('round-robin'), Type.Literal('least-connections'), Type.Literal('ip-hash')],
      {
        default: 'round-robin',
        description:
          'which server gets a request; ip-hash keeps a client at its server while that lives',
      },
    ),
    host: Type.String({
      default: 'keep',
      maxLength: 253,
      description: "Host sent: keep the client's, upstream for the server's own, or a name",
    }),
    requestTrailers: Type.Boolean({
      default: false,
      description:
        'trailers of a chunked request go on to the servers: those that the client announced in Trailer, and those that a filter has put there',
    }),
    noneHealthy: Type.Union([Type.Literal('refuse'), Type.Literal('use-all')], {
      default: 'refuse',
      description:
        'when every server is out: refuse with 503 and Retry-After, or use all as if healthy',
    }),
    connectionsMax: count(
      256,
      65_535,
      'HTTP/1.1 connections to each server, per worker; beyond it requests wait',
    ),
    connectingMax: count(
      64,
      65_535,
      'HTTP/1.1 connections being made to each server at a time, per worker; beyond it requests wait',
    ),
    waitingMax: count(
      1024,
      100_000,
      'requests waiting for a connection, per server and worker; beyond it 503',
      0,
    ),
    idleMs: milliseconds(4_000, 'how long an unused connection is kept'),
    slowStartMs: Type.Integer({
      minimum: 0,
      maximum: 3_600_000,
      default: 0,
      description:
        'a server that comes back reaches its whole weight after so long; 0 at once (ms)',
    }),
    tls: Type.Optional(upstreamTls),
    http2: upstreamHttp2,
    health: Type.Optional(health),
    breaker,
    retries,
  },
  strict,
);

export type Upstream = Static<typeof upstream>;
export type UpstreamTls = Static<typeof upstreamTls>;
export type UpstreamHttp2 = Static<typeof upstreamHttp2>;
export type UpstreamHealth = Static<typeof health>;
export type UpstreamBreaker = Static<typeof breaker>;
export type RouteRetries = Static<typeof routeRetries>;
export type UpstreamRetries = Static<typeof retries>;
