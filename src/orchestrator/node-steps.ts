/** Whether nodes run what the fleet is to run: the skew of rules, node by node. */
import type { NodeReport } from '#rollout/node-report.ts';
import type { NodeRegistry } from './node-registry.ts';
import type { Rollouts } from './rollouts.ts';

export type NodeStep = {
  readonly sequence: number;
  /** It has the newest set, and everything in it as the fleet wants it there. */
  readonly inStep: boolean;
  readonly amiss: string[];
};

export function ruleSetOf({ sequence, items }: NodeReport, newest: number): NodeStep {
  const amiss = items
    .filter(({ state }) => !['live', 'own', 'held'].includes(state))
    .map(({ kind, name, state, reason }) => `${kind} ${name} is ${state}: ${reason}`);
  return { sequence, inStep: sequence === newest && amiss.length === 0, amiss };
}

/** Of those that are heard of. */
export function outOfStep({
  registry,
  rollouts: { conductor },
}: {
  readonly registry: NodeRegistry;
  readonly rollouts: Rollouts;
}): { id: string; amiss: string[] }[] {
  return registry.list().flatMap(({ id, state }) => {
    const report = state === 'gone' || state === 'dead' ? null : conductor.reports.latest(id);
    const said = report === null ? null : ruleSetOf(report, conductor.sequence);
    return said === null || said.inStep ? [] : [{ id, amiss: said.amiss }];
  });
}
