/**
 * Bodies, queries, parameters and answers of the orchestrator's API, said once: fastify checks and serialises
 * with them, the command line checks answers with them, and `openapi.ts` writes them down for programs.
 */
import Type, { type Static, type TSchema } from 'typebox';
import { apiRoles } from '#admin/api-roles.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const literals = <const Value extends string>(...values: readonly Value[]) =>
  Type.Union(values.map((value) => Type.Literal(value)));

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
    degraded: Type.Array(Type.Object({ part: Type.String(), reason: Type.String() }, strict)),
  },
  strict,
);
export type OrchestratorStatus = Static<typeof orchestratorStatus>;
