/**
 * What nodes have said of their rules lately: the last report of each, and its counters of some minutes, so that a
 * rollout is compared with how that node did before. Bounded by the nodes that are registered.
 */
import { type Health, type HealthSample, healthOver, type RecentHealth } from '#rollout/health.ts';
import type { NodeReport } from '#rollout/node-report.ts';

/** How far back a node is looked at. */
const pastMs = 300_000;
/** After something new is live the last minute counts: what begins late is not hidden by a long calm before it. */
const recentMs = 60_000;
/** One a second for five minutes. */
const samplesMax = 300;
/** A report comes each ten seconds at least. */
const freshMs = 35_000;

type Sample = { readonly atMs: number; readonly sample: HealthSample };
type Known = {
  readonly report: NodeReport;
  readonly heardAtMs: number;
  readonly samples: Sample[];
};

export class NodeReports {
  readonly #known = new Map<string, Known>();
  readonly #nowMs: () => number;

  /** Of the wall clock of this orchestrator; what clocks of nodes say is not compared. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  note(report: NodeReport): void {
    const before = this.#known.get(report.node);
    const atMs = this.#nowMs();
    const isSame = before?.report.startedAtMs === report.startedAtMs;
    const samples = isSame ? before.samples : [];
    if (report.health !== null) samples.push({ atMs, sample: report.health });
    while (samples.length > samplesMax || (samples[0]?.atMs ?? atMs) < atMs - pastMs)
      samples.shift();
    this.#known.set(report.node, { report, heardAtMs: atMs, samples });
  }

  /** Null from one that has said nothing for a while. */
  latest(node: string): NodeReport | null {
    const known = this.#known.get(node);
    return known === undefined || this.#nowMs() - known.heardAtMs > freshMs ? null : known.report;
  }

  healthNow(node: string): Health | null {
    const found = over(this.#known.get(node)?.samples ?? [], 0);
    if (found === null) return null;
    const { parts: _, ...health } = found;
    return health;
  }

  /** From the last report before `atMs`, as what failed between that and the next counts as well. */
  healthSince(node: string, atMs: number): RecentHealth | null {
    const samples = this.#known.get(node)?.samples ?? [];
    const newest = samples.at(-1)?.atMs ?? 0;
    const from = samples.findLastIndex((one) => one.atMs < Math.max(atMs, newest - recentMs));
    return over(samples, Math.max(0, from));
  }

  forget(isKnown: (node: string) => boolean): void {
    for (const node of this.#known.keys()) if (!isKnown(node)) this.#known.delete(node);
  }
}

const over = (samples: readonly Sample[], from: number): RecentHealth | null =>
  healthOver(samples.slice(from).map(({ sample }) => sample));
