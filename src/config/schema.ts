/**
 * The configuration, said once: this schema gives the types, the defaults, the checks, the JSON Schema,
 * the reference page and the environment names (`edge.limits.urlBytesMax` is
 * `WEIR_EDGE_LIMITS_URL_BYTES_MAX`; keys inside lists and maps have no environment name).
 *
 * A key stands here only if something reads it.
 */
import Type, { type Static } from 'typebox';

const strict = { additionalProperties: false };
const bytes = (fallback: number, maximum: number, description: string) =>
  Type.Integer({ minimum: 1, maximum, default: fallback, description: `${description} (bytes)` });
const milliseconds = (fallback: number, description: string) =>
  Type.Integer({
    minimum: 1,
    maximum: 86_400_000,
    default: fallback,
    description: `${description} (ms)`,
  });
const name = '^[a-z0-9][a-z0-9_-]{0,62}$';

export const tlsCertificate = Type.Object(
  {
    cert: Type.String({ description: 'PEM file with the certificate chain, leaf first' }),
    key: Type.String({ description: 'PEM file with the private key' }),
  },
  strict,
);

export const listener = Type.Object(
  {
    address: Type.String({
      description:
        'host:port to listen on; IPv6 as "[::]:8443", which is IPv6 only; port 0 lets the system pick',
    }),
    tls: Type.Optional(
      Type.Object(
        {
          certificates: Type.Array(tlsCertificate, {
            minItems: 1,
            maxItems: 1,
            description: 'the certificate shown',
          }),
        },
        strict,
      ),
    ),
    redirect: Type.Optional(
      Type.Literal('https', { description: 'answer everything with a redirect to https' }),
    ),
    redirectPort: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: 'port in the redirect, where it is not 443',
      }),
    ),
    plaintext: Type.Optional(
      Type.Literal(true, {
        description: 'serve without TLS; a listener without tls or redirect has to say so',
      }),
    ),
  },
  strict,
);

export const upstream = Type.Object(
  {
    servers: Type.Array(
      Type.Object({ url: Type.String({ description: 'http://host:port' }) }, strict),
      { minItems: 1, maxItems: 256, description: 'the servers, used in turn (round robin)' },
    ),
    connectionsMax: Type.Integer({
      minimum: 1,
      maximum: 65_535,
      default: 256,
      description: 'connections to each server, per worker; beyond it requests wait',
    }),
    waitingMax: Type.Integer({
      minimum: 0,
      maximum: 100_000,
      default: 1024,
      description: 'requests waiting for a connection, per server and worker; beyond it 503',
    }),
    idleMs: milliseconds(4_000, 'how long an unused connection is kept'),
  },
  strict,
);

export const route = Type.Object(
  {
    match: Type.Object(
      {
        host: Type.String({
          default: '*',
          description: 'a host name, "*.example.org" for any one or more labels before it, or "*"',
        }),
        path: Type.String({
          default: '/',
          pattern: '^/',
          description: 'path prefix, matched at segment borders',
        }),
      },
      { ...strict, default: {} },
    ),
    upstream: Type.String({ description: 'a name under upstreams' }),
    websocket: Type.Boolean({ default: true, description: 'let Upgrade requests through' }),
    waf: Type.Object(
      {
        mode: Type.Union([Type.Literal('block'), Type.Literal('monitor'), Type.Literal('off')], {
          default: 'block',
          description: 'block; monitor: decide and log, never stop; off: run no rules',
        }),
        rules: Type.Array(Type.String(), {
          default: [],
          maxItems: 64,
          description: 'names under waf.rules, in the order they run',
        }),
      },
      { ...strict, default: {} },
    ),
  },
  strict,
);

export const ruleModule = Type.Object(
  {
    module: Type.String({
      description: '"builtin:NAME" for one that ships with Weir, or a path to a .wasm file',
    }),
    failure: Type.Union([Type.Literal('closed'), Type.Literal('open')], {
      default: 'closed',
      description: 'when the module itself fails: closed answers 503, open lets the request pass',
    }),
    watch: Type.Boolean({ default: false, description: 'load the file anew when it changes' }),
  },
  strict,
);

export const configSchema = Type.Object(
  {
    edge: Type.Object(
      {
        workers: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 256 })], {
          default: 'auto',
          description: 'worker processes; auto is one a core',
        }),
        listeners: Type.Array(listener, {
          minItems: 1,
          maxItems: 64,
          description: 'where clients connect',
        }),
        trustedProxies: Type.Array(Type.String(), {
          default: [],
          maxItems: 1024,
          description: 'addresses and CIDR ranges whose X-Forwarded-For is believed',
        }),
        limits: Type.Object(
          {
            headBytesMax: bytes(32_768, 1_048_576, 'request line and header fields together'),
            urlBytesMax: bytes(8_192, 65_536, 'request target'),
            headersMax: Type.Integer({
              minimum: 1,
              maximum: 1_000,
              default: 100,
              description: 'header fields in a request',
            }),
            bodyBytesMax: bytes(10_485_760, Number.MAX_SAFE_INTEGER, 'request body'),
            pipelinedBytesMax: bytes(
              65_536,
              1_048_576,
              'bytes kept of requests sent ahead of an answer; then reading pauses',
            ),
            connectionsMax: Type.Integer({
              minimum: 1,
              maximum: 1_000_000,
              default: 100_000,
              description: 'client connections over all workers',
            }),
          },
          { ...strict, default: {} },
        ),
        timeouts: Type.Object(
          {
            handshakeMs: milliseconds(10_000, 'TLS handshake'),
            headMs: milliseconds(10_000, 'from the first byte of a request to the end of its head'),
            bodyIdleMs: milliseconds(10_000, 'between two pieces of a request body'),
            idleMs: milliseconds(60_000, 'between two requests on a kept-alive connection'),
            connectMs: milliseconds(
              5_000,
              'connect to an upstream server, and wait for a free connection',
            ),
            responseMs: milliseconds(60_000, 'from the request sent to the head of the response'),
            sendMs: milliseconds(
              60_000,
              'between two pieces of a response, from the upstream or to the client',
            ),
            tunnelIdleMs: milliseconds(
              3_600_000,
              'an upgraded connection without a byte either way',
            ),
            drainMs: milliseconds(
              60_000,
              'finish what is in flight when draining; then connections are cut',
            ),
          },
          { ...strict, default: {} },
        ),
      },
      strict,
    ),
    upstreams: Type.Record(Type.String({ pattern: name }), upstream, {
      maxProperties: 10_000,
      description: 'the backends, by the names routes use',
    }),
    routes: Type.Array(route, {
      minItems: 1,
      maxItems: 10_000,
      description: 'the most specific host, then the longest path wins',
    }),
    waf: Type.Object(
      {
        rules: Type.Record(Type.String({ pattern: name }), ruleModule, {
          default: {},
          maxProperties: 64,
          description: 'rule modules, by the names routes use',
        }),
      },
      { ...strict, default: {} },
    ),
    admin: Type.Object(
      {
        address: Type.String({
          default: '127.0.0.1:9999',
          description: 'management API, host:port, loopback only',
        }),
      },
      { ...strict, default: {} },
    ),
    accessLog: Type.Object(
      {
        to: Type.String({ default: 'stdout', description: '"stdout", "off" or a file' }),
        redact: Type.Array(Type.String({ maxLength: 1_000 }), {
          default: ['((?i:token|passw|secret|api_?key|session|auth|signature)[^=&]*=)[^&]*'],
          maxItems: 32,
          description:
            'RE2 patterns applied to the query string before it is logged; the first group is kept, the rest becomes ***',
        }),
      },
      { ...strict, default: {} },
    ),
    log: Type.Object(
      {
        level: Type.Union(
          (['debug', 'info', 'warn', 'error'] as const).map((level) => Type.Literal(level)),
          { default: 'info', description: "the daemon's own log, on standard error" },
        ),
      },
      { ...strict, default: {} },
    ),
    state: Type.String({
      default: '.weir',
      description: 'directory for token, block list and run files',
    }),
  },
  strict,
);

export type Config = Static<typeof configSchema>;
export type Listener = Static<typeof listener>;
export type Upstream = Static<typeof upstream>;
export type Route = Static<typeof route>;
export type RuleModule = Static<typeof ruleModule>;
export type WafMode = Route['waf']['mode'];
