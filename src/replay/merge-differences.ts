/** Differences that several workers found, as one. */
import { type Cost, changes, type Difference } from './difference.ts';

const counts = [
  ...['requests', 'unreadable', 'newlyBlocked', 'newlyPassed'],
  ...['newlyNoted', 'noLongerNoted', 'changedRules'],
] as const as readonly CountName[];
type CountName =
  | 'requests'
  | 'unreadable'
  | 'newlyBlocked'
  | 'newlyPassed'
  | 'newlyNoted'
  | 'noLongerNoted'
  | 'changedRules';

/** Examples of each kind of change. */
export function mergeDifferences(parts: readonly Difference[], examplesMax: number): Difference {
  const sum = (of: (part: Difference) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  const counted = Object.fromEntries(
    counts.map((name) => [name, sum((part) => part[name])]),
  ) as Record<CountName, number>;
  return {
    ...counted,
    stopped: {
      live: sum(({ stopped }) => stopped.live),
      candidate: sum(({ stopped }) => stopped.candidate),
    },
    failures: {
      live: sum(({ failures }) => failures.live),
      candidate: sum(({ failures }) => failures.candidate),
      last: parts.findLast(({ failures }) => failures.last !== '')?.failures.last ?? '',
    },
    // Of the same rules in each worker.
    answers: {
      live: Math.max(0, ...parts.map(({ answers }) => answers.live)),
      candidate: Math.max(0, ...parts.map(({ answers }) => answers.candidate)),
      shown: sum(({ answers }) => answers.shown),
      cut: sum(({ answers }) => answers.cut),
      missing: sum(({ answers }) => answers.missing),
    },
    cost: {
      live: mergeCosts(parts.map(({ cost }) => cost.live)),
      candidate: mergeCosts(parts.map(({ cost }) => cost.candidate)),
    },
    examples: changes.flatMap((change) =>
      parts
        .flatMap(({ examples }) => examples.filter((example) => example.change === change))
        .slice(0, examplesMax),
    ),
  };
}

/** Means by how many ran; of medians and 99th percentiles, which cannot be added, the largest of a worker. */
function mergeCosts(given: readonly (Cost | null)[]): Cost | null {
  const costs = given.filter((cost) => cost !== null);
  const runs = costs.reduce((total, cost) => total + cost.runs, 0);
  if (runs === 0) return null;
  const mean = (of: (cost: Cost) => number): number =>
    Math.round((costs.reduce((total, cost) => total + of(cost) * cost.runs, 0) / runs) * 10) / 10;
  return {
    runs,
    meanMicroseconds: mean((cost) => cost.meanMicroseconds),
    p50Microseconds: Math.max(...costs.map((cost) => cost.p50Microseconds)),
    p99Microseconds: Math.max(...costs.map((cost) => cost.p99Microseconds)),
    meanFuel: Math.round(mean((cost) => cost.meanFuel)),
  };
}
