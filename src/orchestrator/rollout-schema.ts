/** Bodies, parameters and answers of the routes about rollouts and policies; see `schema.ts`. */
import Type, { type Static, type TSchema } from 'typebox';
import { moduleLoadBody } from '#admin/module-schema.ts';
import { policyBytesMax, rulesName, sha256Text } from '#rollout/content.ts';
import { guards } from '#rollout/guards.ts';
import { itemStates } from '#rollout/node-report.ts';
import { rolloutStates } from '#rollout/rollout.ts';
import { rolloutId, tagNames } from '#rollout/rule-set.ts';
import { stageList } from '#rollout/stages.ts';

const strict = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const literals = <const Value extends string>(...values: readonly Value[]) =>
  Type.Unsafe<Value>(Type.Union(values.map((value) => Type.Literal(value))));
const kind = literals('module', 'policy');

export const baselineMsDefault = 30_000;
export const applyMsDefault = 60_000;

export const contentParams = Type.Object({ name: rulesName }, strict);
export const moduleUploadBody = moduleLoadBody;
/** Escapes double it at most. */
export const policyUploadBytesMax = 8 * policyBytesMax;
export const policyUploadBody = Type.Object(
  {
    /** YAML or JSON. */
    policy: Type.String({ minLength: 1, maxLength: 4 * policyBytesMax }),
  },
  strict,
);
export const contentAnswer = Type.Object(
  { kind, name: Type.String(), sha256: Type.String(), bytes: count },
  strict,
);

export const rolloutBody = Type.Object(
  {
    kind,
    name: rulesName,
    sha256: sha256Text,
    stages: Type.Optional(stageList),
    guards: Type.Optional(Type.Partial(guards, strict)),
    /** How long nodes are looked at before the first of them has it. */
    baselineMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600_000 })),
    /** How long a node may take to run it. */
    applyMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 3_600_000 })),
    only: Type.Optional(tagNames),
    hold: Type.Optional(tagNames),
    note: Type.Optional(
      Type.String({ maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$' }),
    ),
  },
  strict,
);
export const rolloutParams = Type.Object({ id: rolloutId }, strict);

const nodeOf = Type.Object(
  {
    id: Type.String(),
    /** Whether it was told to run it. */
    told: Type.Boolean(),
    /** What it says of it; "silent" where it says nothing. */
    state: literals(...itemStates, 'silent'),
    running: orNull(Type.String()),
    reason: Type.String(),
  },
  strict,
);

export const rolloutAnswer = Type.Object(
  {
    id: Type.String(),
    kind,
    name: Type.String(),
    sha256: Type.String(),
    /** What it takes the place of; null for what each node has of its own. */
    before: orNull(Type.String()),
    state: literals(...rolloutStates),
    phase: literals('measuring', 'applying', 'soaking'),
    /** From 1. */
    stage: count,
    stages: stageList,
    guards,
    only: tagNames,
    hold: tagNames,
    startedBy: Type.String(),
    note: Type.String(),
    startedAt: Type.String(),
    endedAt: orNull(Type.String()),
    /** Why it was stopped, with the numbers; null for one that was not. */
    why: orNull(Type.String()),
    stoppedBy: orNull(literals('guard', 'operator')),
    told: count,
    live: count,
    steps: Type.Array(Type.Object({ at: Type.String(), text: Type.String() }, strict)),
    nodes: Type.Array(nodeOf),
  },
  strict,
);
export const rolloutListAnswer = Type.Object({ rollouts: Type.Array(rolloutAnswer) }, strict);

export const policyListAnswer = Type.Object(
  {
    /** Of the set that nodes are to have. */
    sequence: count,
    items: Type.Array(
      Type.Object(
        {
          kind,
          name: Type.String(),
          /** Null: the fleet has let go of it. */
          sha256: orNull(Type.String()),
          rollout: Type.String(),
          only: tagNames,
          hold: tagNames,
          nodes: Type.Array(nodeOf),
        },
        strict,
      ),
    ),
    /** Nodes that have an older set, or have said nothing of theirs. */
    behind: Type.Array(Type.String()),
  },
  strict,
);
export const policyAnswer = Type.Object(
  { name: Type.String(), sha256: Type.String(), rollout: Type.String(), policy: Type.String() },
  strict,
);

export type ModuleUploadBody = Static<typeof moduleUploadBody>;
export type PolicyUploadBody = Static<typeof policyUploadBody>;
export type RolloutBody = Static<typeof rolloutBody>;
export type RolloutAnswer = Static<typeof rolloutAnswer>;
export type PolicyListAnswer = Static<typeof policyListAnswer>;
