/**
 * Every body, query, parameter and answer of the management API, said once.
 *
 * fastify checks what comes in and serialises what goes out with these, and the command line checks
 * the daemon's answers with the same ones, so neither side can drift from the other. Unknown keys are
 * refused, never dropped: a misspelt `ttl` must not become a block that lasts for ever.
 */
import Type, { type Static, type TSchema } from 'typebox';
import { fleetStatus } from './fleet-schema.ts';
import { moduleStatus } from './module-schema.ts';
import { partStatus } from './part-status.ts';

/** One year; longer blocks are written without a time to live. */
export const ttlSecondsMax = 31_536_000;
/** Bound on a JSON body: the largest real one is a block with a long reason. */
export const jsonBodyBytesMax = 16 * 1024;
export const reasonCharactersMax = 256;
export const graceMsMax = 3_600_000;
export const graceMsDefault = 10_000;

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const literals = <const Value extends string>(...values: readonly Value[]) =>
  Type.Unsafe<Value>(Type.Union(values.map((value) => Type.Literal(value))));

/** For calls that take nothing: no body at all, or `{}`. */
export const nothing = Type.Union([Type.Null(), Type.Object({}, strict)]);
export const noQuery = Type.Object({}, strict);

/** Reasons are printed on terminals and written to logs. */
const reason = Type.String({
  maxLength: reasonCharactersMax,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
});
const blockAction = literals('drop', 'monitor');
/** What lists may say beside. */
const listedAction = literals('drop', 'monitor', 'challenge');

export const blockAddBody = Type.Object(
  {
    target: Type.String({ minLength: 2, maxLength: 64, description: 'an address or a CIDR range' }),
    action: Type.Optional(blockAction),
    ttlSeconds: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: ttlSecondsMax }))),
    reason: Type.Optional(reason),
  },
  strict,
);

/** Targets of one import: as many as the list can hold. */
export const blockImportMax = 1_100_000;
/** As JSON each is an address of at most 43 characters with its length, two quotes and a comma. */
export const blockImportBytesMax = 64 * 1024 * 1024;

export const blockImportBody = Type.Object(
  {
    targets: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: blockImportMax }),
    action: Type.Optional(blockAction),
    ttlSeconds: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: ttlSecondsMax }))),
    reason: Type.Optional(reason),
  },
  strict,
);

/** Entries of one page: with their counts they are looked up one by one. */
export const blockPageMax = 1_000;

export const blockListQuery = Type.Object(
  {
    // A query is text: 1 to blockPageMax.
    limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$' })),
    after: Type.Optional(
      Type.String({ minLength: 1, maxLength: 96, description: '`next` of the page before' }),
    ),
  },
  strict,
);

export const blockTargetParams = Type.Object(
  { target: Type.String({ minLength: 2, maxLength: 64 }) },
  strict,
);
export const stopBody = Type.Union([
  Type.Null(),
  Type.Object(
    { graceMs: Type.Optional(Type.Integer({ minimum: 0, maximum: graceMsMax })) },
    strict,
  ),
]);

export const healthAnswer = Type.Object({ status: literals('ok', 'draining') }, strict);

export const readyAnswer = Type.Object(
  { ready: Type.Boolean(), reasons: Type.Array(Type.String()) },
  strict,
);

export const errorAnswer = Type.Object(
  {
    error: Type.Object(
      { code: Type.String(), message: Type.String(), details: Type.Array(Type.String()) },
      strict,
    ),
  },
  strict,
);

export const certificateStatus = Type.Object(
  {
    names: Type.Array(Type.String()),
    state: literals('valid', 'awaiting', 'failing'),
    isRenewing: Type.Boolean(),
    notAfter: orNull(Type.String()),
    sha256: orNull(Type.String()),
    renewsAt: Type.String(),
    failures: count,
    lastError: orNull(Type.String()),
  },
  strict,
);

export const certificateListAnswer = Type.Object(
  { certificates: Type.Array(certificateStatus) },
  strict,
);

const serverState = literals('healthy', 'starting', 'unhealthy', 'open', 'trial');
const upstreamStatus = Type.Object(
  {
    name: Type.String(),
    protocol: literals('http1', 'http2'),
    balance: literals('round-robin', 'least-connections', 'ip-hash'),
    isChecked: Type.Boolean(),
    servers: Type.Array(
      Type.Object(
        {
          url: Type.String(),
          weight: count,
          state: orNull(serverState),
          seen: Type.Array(Type.Object({ state: serverState, workers: count }, strict)),
          inFlight: count,
          connections: count,
          requests: count,
          failures: count,
          reason: orNull(Type.String()),
        },
        strict,
      ),
    ),
  },
  strict,
);

const shieldStep = literals('xdp-native', 'xdp-generic', 'nftables', 'accept');
const shieldStatus = Type.Object(
  {
    step: shieldStep,
    refused: Type.Array(Type.Object({ step: shieldStep, reason: Type.String() }, strict)),
    interfaces: Type.Array(Type.String()),
    object: orNull(Type.String()),
    pid: orNull(count),
    counters: orNull(
      Type.Object(
        {
          exact: count,
          prefixes: count,
          allowed: count,
          lost: Type.Record(Type.String(), count),
          cookies: orNull(
            Type.Object(
              {
                mode: literals('on-demand', 'always', 'off'),
                problem: orNull(Type.String()),
                notes: Type.Array(Type.String()),
                terms: orNull(
                  Type.Object(
                    {
                      timestamps: Type.Boolean(),
                      sack: Type.Boolean(),
                      windowScaling: Type.Boolean(),
                      windowScale: count,
                      window: count,
                      mss4: count,
                      mss6: count,
                    },
                    strict,
                  ),
                ),
              },
              strict,
            ),
          ),
          inspection: orNull(
            Type.Object(
              {
                module: Type.String(),
                sha256: Type.String(),
                isOff: Type.Boolean(),
                lastFailure: orNull(Type.String()),
                packets: count,
                flows: Type.Object(
                  { pass: count, drop: count, alert: count, undecided: count },
                  strict,
                ),
                failures: count,
                unreadable: count,
              },
              strict,
            ),
          ),
          verdicts: Type.Array(
            Type.Object(
              { verdict: Type.String(), protocol: Type.String(), packets: count, bytes: count },
              strict,
            ),
          ),
        },
        strict,
      ),
    ),
  },
  strict,
);

export const statusAnswer = Type.Object(
  {
    version: Type.String(),
    nodeVersion: Type.String(),
    pid: count,
    state: literals('starting', 'ready', 'upgrading', 'draining'),
    startedAt: Type.String(),
    uptimeSeconds: Type.Number({ minimum: 0 }),
    listeners: Type.Array(
      Type.Object(
        {
          address: Type.String(),
          kind: literals('tls', 'redirect', 'plaintext', 'tcp'),
          protocols: Type.Array(literals('http1', 'http2')),
          upstream: orNull(Type.String()),
          clientCertificates: literals('off', 'optional', 'required'),
          proxyProtocol: Type.Boolean(),
        },
        strict,
      ),
    ),
    admin: Type.Object({ address: Type.String() }, strict),
    workers: Type.Array(
      Type.Object(
        {
          slot: count,
          pid: orNull(count),
          state: literals('starting', 'ready', 'draining', 'backoff'),
          restarts: count,
          hangs: count,
          generation: orNull(count),
          openConnections: orNull(count),
        },
        strict,
      ),
    ),
    config: Type.Object(
      {
        file: orNull(Type.String()),
        sha256: Type.String(),
        generation: count,
        loadedAt: Type.String(),
      },
      strict,
    ),
    modules: Type.Array(moduleStatus),
    upstreams: Type.Array(upstreamStatus),
    certificates: Type.Array(certificateStatus),
    blocks: Type.Object({ count, version: count, fleet: count }, strict),
    rules: Type.Object(
      { version: count, count, kernel: Type.Boolean(), problem: orNull(Type.String()) },
      strict,
    ),
    fleet: orNull(fleetStatus),
    shield: shieldStatus,
    parts: Type.Object(partStatus, strict),
    requests: orNull(
      Type.Object(
        { total: count, blocked: count, monitored: count, upstreamErrors: count },
        strict,
      ),
    ),
    degraded: Type.Array(Type.Object({ part: Type.String(), reason: Type.String() }, strict)),
  },
  strict,
);

export const blockListAnswer = Type.Object(
  {
    version: count,
    count,
    entries: Type.Array(
      Type.Object(
        {
          target: Type.String(),
          scope: literals('node', 'fleet'),
          issuer: orNull(Type.String()),
          action: listedAction,
          reason: Type.String(),
          origin: Type.String(),
          createdAt: Type.String(),
          expiresAt: orNull(Type.String()),
          packets: orNull(count),
          connections: orNull(count),
          lastSeen: orNull(Type.String()),
        },
        strict,
      ),
    ),
    next: orNull(Type.String()),
  },
  strict,
);

const blockAnswerFields = {
  target: Type.String(),
  action: orNull(blockAction),
  version: count,
  count,
  workers: count,
  kernel: Type.Boolean(),
  expiresAt: orNull(Type.String()),
};

export const blockAddAnswer = Type.Object(blockAnswerFields, strict);
export const blockImportAnswer = Type.Object(
  {
    action: blockAction,
    added: count,
    renewed: count,
    version: count,
    count,
    workers: count,
    kernel: Type.Boolean(),
    expiresAt: orNull(Type.String()),
  },
  strict,
);
export const blockRemoveAnswer = Type.Object(
  { ...blockAnswerFields, removed: Type.Boolean(), fleetIssuer: orNull(Type.String()) },
  strict,
);

export const reloadAnswer = Type.Object(
  { generation: count, sha256: Type.String(), workers: count, changed: Type.Array(Type.String()) },
  strict,
);

export const drainAnswer = Type.Object(
  { state: literals('draining'), openConnections: orNull(count), deadline: Type.String() },
  strict,
);

export type BlockListQuery = Static<typeof blockListQuery>;
export type BlockImportBody = Static<typeof blockImportBody>;
export type BlockAddBody = Static<typeof blockAddBody>;
export type StopBody = Static<typeof stopBody>;

export const upgradeAnswer = Type.Object(
  {
    pid: count,
    version: Type.String(),
    sha256: Type.String(),
    workers: count,
    tookMs: count,
    drains: Type.Object(
      { pid: count, openConnections: orNull(count), deadline: Type.String() },
      strict,
    ),
  },
  strict,
);
