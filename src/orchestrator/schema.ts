/**
 * Bodies, queries, parameters and answers of the orchestrator's API, said once: fastify checks and serialises
 * with them, the command line checks answers with them, and `openapi.ts` writes them down for programs.
 */
import Type, { type Static, type TSchema } from 'typebox';
import { apiRoles } from '#admin/api-roles.ts';
import { graceMsMax, reasonCharactersMax } from '#admin/schema.ts';
import { beatMetrics } from '#fleet/messages.ts';
import { memberPattern } from '#fleet/subjects.ts';
import { summedMetrics } from './fleet-statistics.ts';
import { nodeStates } from './node-registry.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const literals = <const Value extends string>(...values: readonly Value[]) =>
  Type.Unsafe<Value>(Type.Union(values.map((value) => Type.Literal(value))));

const role = literals(...apiRoles);
const tokenName = Type.String({ pattern: '^[a-z0-9][a-z0-9_.-]{0,62}$' });
export const tokenTtlSecondsMax = 365 * 86_400;

export const tokenParams = Type.Object({ name: tokenName }, strict);
export const tokenAddBody = Type.Object(
  {
    name: tokenName,
    role,
    ttlSeconds: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: tokenTtlSecondsMax }))),
  },
  strict,
);
const tokenFields = {
  name: Type.String(),
  role,
  createdAt: Type.String(),
  expiresAt: orNull(Type.String()),
};
export const tokenAddAnswer = Type.Object({ ...tokenFields, token: Type.String() }, strict);
export const tokenListAnswer = Type.Object(
  { tokens: Type.Array(Type.Object(tokenFields, strict)) },
  strict,
);
export const tokenRemoveAnswer = Type.Object({ name: Type.String() }, strict);

export const auditPageMax = 1_000;
export const auditQuery = Type.Object(
  {
    // A query is text: 1 to auditPageMax.
    limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$' })),
    before: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,14}$' })),
  },
  strict,
);
export const auditListAnswer = Type.Object(
  {
    entries: Type.Array(
      Type.Object(
        {
          sequence: count,
          at: Type.String(),
          phase: literals('begin', 'end'),
          of: orNull(count),
          caller: Type.String(),
          role: Type.String(),
          source: Type.String(),
          method: Type.String(),
          path: Type.String(),
          detail: Type.String(),
          status: orNull(count),
          hash: Type.String(),
        },
        strict,
      ),
    ),
    /** `before` of the next page; null at the end. */
    next: orNull(count),
  },
  strict,
);
export const auditVerifyAnswer = Type.Object(
  {
    ok: Type.Boolean(),
    entries: count,
    head: Type.Object({ sequence: count, hash: Type.String() }, strict),
    broken: orNull(Type.Object({ sequence: count, reason: Type.String() }, strict)),
  },
  strict,
);

export type TokenAddBody = Static<typeof tokenAddBody>;
export type AuditQuery = Static<typeof auditQuery>;

export const orchestratorStatus = Type.Object(
  {
    version: Type.String(),
    nodeVersion: Type.String(),
    pid: count,
    startedAt: Type.String(),
    address: Type.String(),
    audit: Type.Object({ sequence: count, hash: Type.String() }, strict),
    /** Null without a fleet section. */
    fleet: orNull(
      Type.Object(
        {
          name: Type.String(),
          self: Type.String(),
          bus: literals('connected', 'reconnecting', 'closed'),
          busReason: orNull(Type.String()),
          isLeader: Type.Boolean(),
          leader: orNull(Type.Object({ id: Type.String(), address: Type.String() }, strict)),
          nodes: count,
          blocks: count,
        },
        strict,
      ),
    ),
    degraded: Type.Array(Type.Object({ part: Type.String(), reason: Type.String() }, strict)),
  },
  strict,
);
export type OrchestratorStatus = Static<typeof orchestratorStatus>;

const nodeState = literals(...nodeStates);
export const nodeParams = Type.Object({ id: Type.String({ pattern: memberPattern }) }, strict);
export const nodeFields = {
  id: Type.String(),
  state: nodeState,
  stateSince: Type.String(),
  registeredAt: Type.String(),
  lastBeatAt: orNull(Type.String()),
  startedAt: Type.String(),
  version: Type.String(),
  region: orNull(Type.String()),
  tags: Type.Array(Type.String()),
  addresses: Type.Array(Type.String()),
  admin: Type.String(),
  shield: Type.String(),
  modules: Type.Record(Type.String(), Type.String()),
  rules: orNull(Type.String()),
  decisions: orNull(Type.String()),
  /** Of the fleet's set of rules, as the node has said; null from one that has said nothing of it lately. */
  ruleSet: orNull(
    Type.Object(
      { sequence: count, inStep: Type.Boolean(), amiss: Type.Array(Type.String()) },
      strict,
    ),
  ),
  degraded: Type.Array(Type.String()),
};
export const nodeAnswer = Type.Object({ ...nodeFields, metrics: beatMetrics }, strict);
export const nodeListAnswer = Type.Object(
  { nodes: Type.Array(Type.Object({ ...nodeFields, metrics: beatMetrics }, strict)) },
  strict,
);
export const nodeMetricsAnswer = Type.Object(
  {
    id: Type.String(),
    state: nodeState,
    at: orNull(Type.String()),
    metrics: beatMetrics,
  },
  strict,
);
export const terminateBody = Type.Union([
  Type.Null(),
  Type.Object(
    { graceMs: Type.Optional(Type.Integer({ minimum: 0, maximum: graceMsMax })) },
    strict,
  ),
]);
export const commandAnswer = Type.Object(
  { id: Type.String(), state: nodeState, sequence: count },
  strict,
);
export type NodeAnswer = Static<typeof nodeAnswer>;
export type TerminateBody = Static<typeof terminateBody>;

const share = Type.Object({ value: Type.String(), nodes: Type.Array(Type.String()) }, strict);
export const fleetAnswer = Type.Object(
  {
    name: Type.String(),
    nodes: Type.Object(Object.fromEntries(nodeStates.map((state) => [state, count])), strict),
    sums: Type.Object(
      Object.fromEntries(summedMetrics.map((metric) => [metric, orNull(Type.Number())])),
      strict,
    ),
    eventLoopP99Ms: orNull(Type.Number()),
    versions: Type.Array(share),
    rules: Type.Array(share),
    decisions: Type.Array(share),
    shield: Type.Array(share),
    blocks: count,
    /** What differs between nodes that should be one. */
    skew: Type.Array(literals('versions', 'rules', 'decisions', 'fleet rules')),
    /** Nodes that do not run what the fleet is to run, and why; see `weir fleet rules`. */
    outOfStep: Type.Array(
      Type.Object({ id: Type.String(), amiss: Type.Array(Type.String()) }, strict),
    ),
  },
  strict,
);
export type FleetAnswer = Static<typeof fleetAnswer>;

export const fleetBlockPageMax = 1_000;
export const fleetBlockWaitMsMax = 10_000;
export const fleetBlockWaitMsDefault = 1_000;
/** A decision lives 30 days at most. */
export const fleetBlockTtlSecondsMax = 30 * 86_400;
/** What one member may issue in a minute bounds it further. */
export const fleetImportMax = 200_000;
export const fleetImportBytesMax = 16 * 1024 * 1024;

const reason = Type.String({
  maxLength: reasonCharactersMax,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
});
const target = Type.String({ minLength: 2, maxLength: 64 });
const blockTerms = {
  action: Type.Optional(literals('drop', 'monitor')),
  ttlSeconds: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: fleetBlockTtlSecondsMax }))),
  reason: Type.Optional(reason),
  /** How long to wait for nodes to say that it holds there. */
  waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: fleetBlockWaitMsMax })),
};
export const fleetBlockBody = Type.Object({ target, ...blockTerms }, strict);
export const fleetImportBody = Type.Object(
  {
    targets: Type.Array(target, { minItems: 1, maxItems: fleetImportMax }),
    ...blockTerms,
  },
  strict,
);
export const fleetBlockParams = Type.Object({ target }, strict);
export const fleetBlockQuery = Type.Object(
  {
    limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$' })),
    after: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })),
  },
  strict,
);
export const fleetBlockListAnswer = Type.Object(
  {
    count,
    entries: Type.Array(
      Type.Object(
        {
          target: Type.String(),
          action: literals('drop', 'monitor'),
          issuer: Type.String(),
          reason: Type.String(),
          origin: Type.String(),
          createdAt: Type.String(),
          expiresAt: Type.String(),
        },
        strict,
      ),
    ),
    /** `after` of the next page; null at the end. */
    next: orNull(Type.String()),
  },
  strict,
);
export const fleetBlockAnswer = Type.Object(
  {
    targets: count,
    /** In force in the fleet now. */
    count,
    expiresAt: orNull(Type.String()),
    /** False: on disk here, and sent when the bus is back. */
    published: Type.Boolean(),
    acknowledged: Type.Object({ nodes: count, kernels: count, of: count }, strict),
  },
  strict,
);
export type FleetBlockBody = Static<typeof fleetBlockBody>;
export type FleetImportBody = Static<typeof fleetImportBody>;
export type FleetBlockQuery = Static<typeof fleetBlockQuery>;
export type FleetBlockAnswer = Static<typeof fleetBlockAnswer>;
