/** The fleet in figures: sums of what its living nodes measured, and where they differ that should not. */
import type { BeatMetrics } from '#fleet/messages.ts';
import { type KnownNode, type NodeLifeState, nodeStates } from './node-registry.ts';

export type FleetStatistics = {
  readonly nodes: Readonly<Record<NodeLifeState, number>>;
  /** Of nodes that measure it; null where none does. */
  readonly sums: Readonly<Record<SummedMetric, number | null>>;
  /** The worst of all. */
  readonly eventLoopP99Ms: number | null;
  readonly versions: readonly Share[];
  /** By hash over names and hashes of rule modules. */
  readonly rules: readonly Share[];
  /** By digest over everything decided: one entry where all know the same. */
  readonly decisions: readonly Share[];
  readonly shield: readonly Share[];
};

export type Share = { readonly value: string; readonly nodes: readonly string[] };

export const summedMetrics = [
  'requestsTotal',
  'blockedTotal',
  'errorsTotal',
  'connections',
  'workers',
  'cpuCores',
  'rssBytes',
] as const satisfies readonly (keyof BeatMetrics)[];
export type SummedMetric = (typeof summedMetrics)[number];

export function fleetStatistics(nodes: readonly KnownNode[]): FleetStatistics {
  const living = nodes.filter(({ state }) => state !== 'gone' && state !== 'dead');
  const sum = (metric: SummedMetric): number | null => {
    const values = living.flatMap(({ beat }) => beat?.metrics[metric] ?? []);
    return values.length === 0 ? null : values.reduce((a, b) => a + b, 0);
  };
  const late = living.flatMap(({ beat }) => beat?.metrics.eventLoopP99Ms ?? []);
  const count = (state: NodeLifeState) => nodes.filter((node) => node.state === state).length;
  return {
    nodes: byName(nodeStates, count),
    sums: byName(summedMetrics, sum),
    eventLoopP99Ms: late.length === 0 ? null : Math.max(...late),
    versions: shares(living, ({ hello }) => hello.version),
    rules: shares(living, ({ beat }) => beat?.rules ?? null),
    decisions: shares(living, ({ beat }) => beat?.digestRoot ?? null),
    shield: shares(living, ({ hello }) => hello.shield),
  };
}

function byName<Name extends string, Value>(
  names: readonly Name[],
  value: (name: Name) => Value,
): Record<Name, Value> {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, Value>;
}

/** The most common first. */
function shares(nodes: readonly KnownNode[], read: (node: KnownNode) => string | null): Share[] {
  const found = new Map<string, string[]>();
  for (const node of nodes) {
    const value = read(node);
    if (value === null) continue;
    const ids = found.get(value) ?? [];
    ids.push(node.id);
    found.set(value, ids);
  }
  return [...found]
    .map(([value, ids]) => ({ value, nodes: ids }))
    .toSorted((a, b) => b.nodes.length - a.nodes.length || (a.value < b.value ? -1 : 1));
}
