/**
 * What orchestrators know of rollouts, as one signed document: those that are and were, and what is settled. Whoever
 * leads writes it against the revision it has read, so of two that both believe to lead one writes and the other
 * learns that it does not; nodes are told (`rule-set.ts`) only what has been written.
 */
import Type, { type Static } from 'typebox';
import { isMoving, itemOf, type Rollout, rollout } from './rollout.ts';
import { itemKey, type RuleSet, type SetItem, setItem, setItemsMax } from './rule-set.ts';
import { type DocumentHead, documentHead } from './signed-document.ts';

/** Of rollouts that ended; older ones are in the audit log. */
export const rolloutsMax = 20;

export const rolloutPlan = Type.Object(
  {
    ...documentHead,
    /** The newest first; at most one of them moves. */
    rollouts: Type.Array(rollout, { maxItems: rolloutsMax }),
    settled: Type.Array(setItem, { maxItems: setItemsMax }),
  },
  { additionalProperties: false },
);
export type RolloutPlan = Static<typeof rolloutPlan>;
export type PlanContent = Pick<RolloutPlan, 'rollouts' | 'settled'>;

export const emptyPlan: PlanContent = { rollouts: [], settled: [] };

export const movingOf = ({ rollouts }: PlanContent): Rollout | null =>
  rollouts.find(isMoving) ?? null;

export const settledOf = (plan: PlanContent, of: Pick<SetItem, 'kind' | 'name'>): SetItem | null =>
  plan.settled.find((item) => itemKey(item) === itemKey(of)) ?? null;

/** With a rollout as it is now, at its place or as the newest; what has ended is settled. */
export function withRollout(plan: PlanContent, next: Rollout): PlanContent {
  const isKnown = plan.rollouts.some(({ id }) => id === next.id);
  const kept = isMoving(next) ? next : slim(next);
  const rollouts = isKnown
    ? plan.rollouts.map((one) => (one.id === next.id ? kept : one))
    : [kept, ...plan.rollouts].slice(0, rolloutsMax);
  const others = plan.settled.filter((item) => itemKey(item) !== itemKey(next));
  return { rollouts, settled: isMoving(next) ? plan.settled : [...others, itemOf(next)] };
}

/** What nodes are told of it, with the sequence of the plan itself. */
export function setOf(plan: PlanContent, head: DocumentHead): RuleSet {
  const moving = movingOf(plan);
  const others = plan.settled.filter(
    (item) => moving === null || itemKey(item) !== itemKey(moving),
  );
  return {
    ...head,
    isMoving: moving !== null,
    items: moving === null ? others : [...others, itemOf(moving)],
  };
}

/** What only mattered on the way is not carried along for ever. */
const slim = (of: Rollout): Rollout => ({ ...of, baseline: {}, order: [] });
