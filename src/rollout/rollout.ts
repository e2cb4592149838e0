/**
 * One rollout as it is kept: what goes where, how far it has come, and in words what happened. It is a plain value:
 * `progress.ts` makes the next one of it, and whichever orchestrator leads may go on with it.
 *
 * ```
 * running: measuring ─► applying ─► soaking ─► applying … ─► done
 *             │             └───┬──────┘ pause, resume        │
 *             │          a guard, or abort                    │ rollback
 *             └───────────────► rolling-back ◄────────────────┘
 *                                    └─► rolled-back
 * ```
 */
import Type, { type Static } from 'typebox';
import { memberPattern } from '#fleet/subjects.ts';
import { content, rulesName } from './content.ts';
import { guards } from './guards.ts';
import { health } from './health.ts';
import {
  earlier,
  nodeNames,
  rolloutId,
  rolloutNodesMax,
  type SetItem,
  tagNames,
} from './rule-set.ts';
import { stageList } from './stages.ts';

const strict = { additionalProperties: false };
const whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const orNull = Type.Union([whole, Type.Null()]);
const literals = <const Value extends string>(...values: readonly Value[]) =>
  Type.Unsafe<Value>(Type.Union(values.map((value) => Type.Literal(value))));

export const stepsMax = 40;
export const stepCharactersMax = 600;

export const rolloutStates = ['running', 'paused', 'done', 'rolling-back', 'rolled-back'] as const;
export type RolloutState = (typeof rolloutStates)[number];

const byNode = <Value extends ReturnType<typeof Type.Union> | typeof whole>(value: Value) =>
  Type.Record(Type.String({ pattern: memberPattern }), value, { maxProperties: rolloutNodesMax });

export const rollout = Type.Object(
  {
    id: rolloutId,
    kind: literals('module', 'policy'),
    name: rulesName,
    content,
    before: Type.Union([earlier, Type.Null()]),
    only: tagNames,
    hold: tagNames,
    stages: stageList,
    guards,
    /** How long nodes are looked at before the first of them has it. */
    baselineMs: Type.Integer({ minimum: 0, maximum: 3_600_000 }),
    /** How long a node may take to run it. */
    applyMs: Type.Integer({ minimum: 1_000, maximum: 3_600_000 }),
    startedBy: Type.String({ maxLength: 64 }),
    note: Type.String({ maxLength: 200 }),
    state: literals(...rolloutStates),
    phase: literals('measuring', 'applying', 'soaking'),
    /** From 0. */
    stage: Type.Integer({ minimum: 0, maximum: 10 }),
    startedAtMs: whole,
    /** When the stage, or the way back, began. */
    stageAtMs: whole,
    soakAtMs: orNull,
    endedAtMs: orNull,
    /** Who gets it when; fixed at the start, who comes later stands behind. */
    order: nodeNames,
    /** Who was told to run it. */
    told: nodeNames,
    /** When a node said that it runs it. */
    liveAtMs: byNode(whole),
    /** What nodes did before. */
    baseline: byNode(Type.Union([health, Type.Null()])),
    /** Why it was stopped. */
    why: Type.Union([Type.String({ maxLength: stepCharactersMax }), Type.Null()]),
    stoppedBy: Type.Union([literals('guard', 'operator'), Type.Null()]),
    steps: Type.Array(
      Type.Object({ atMs: whole, text: Type.String({ maxLength: stepCharactersMax }) }, strict),
      { maxItems: stepsMax },
    ),
  },
  strict,
);
export type Rollout = Static<typeof rollout>;

export const isMoving = ({ state }: Pick<Rollout, 'state'>): boolean =>
  state === 'running' || state === 'paused' || state === 'rolling-back';

/** What nodes are told of it. */
export function itemOf(of: Rollout): SetItem {
  const { id, kind, name, state, before } = of;
  const common = { kind, name, rollout: id };
  if (state === 'rolling-back' || state === 'rolled-back') {
    const { content: then, only, hold } = before ?? { content: null, only: [], hold: [] };
    return { ...common, content: then, before: null, nodes: null, only, hold, isTakenBack: true };
  }
  const { content: next, only, hold } = of;
  const terms = { content: next, only, hold, isTakenBack: false };
  return state === 'done'
    ? { ...common, ...terms, before: null, nodes: null }
    : { ...common, ...terms, before, nodes: [...of.told] };
}

/** The oldest steps but the first give way: how it began is told as well as how it ends. */
export function withStep(of: Rollout, atMs: number, said: string): Rollout {
  const steps = [...of.steps, { atMs, text: said.slice(0, stepCharactersMax) }];
  return { ...of, steps: steps.length > stepsMax ? steps.toSpliced(1, 1) : steps };
}
