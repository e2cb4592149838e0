/** What rates make of requests. Names are documented in `docs/reference/metrics.md`. */
import type { MetricFamily, MetricRegistry, Series } from '#telemetry/metrics.ts';

/** Announced by the supervisor too, which renders the page. */
export const rateFamilies = {
  exceeded: {
    name: 'weir_rates_exceeded_total',
    type: 'counter',
    help: 'Requests beyond a rate, by what became of them: limited, challenged, admitted by a pass, or monitored.',
  },
  penalties: {
    name: 'weir_rates_penalties_total',
    type: 'counter',
    help: 'Keys that are refused for a while because they went beyond a rate.',
  },
  buckets: {
    name: 'weir_rates_buckets',
    type: 'gauge',
    help: 'Buckets that are not full, of rates that each worker counts for itself.',
  },
  forgotten: {
    name: 'weir_rates_buckets_forgotten_total',
    type: 'counter',
    help: 'Buckets of such rates that were taken for full before they were, for want of room.',
  },
} as const satisfies Record<string, MetricFamily>;

export type RateResult = 'limited' | 'challenged' | 'admitted' | 'monitored';

export class RateMetrics {
  readonly #registry: MetricRegistry;
  readonly buckets: Series;
  readonly forgotten: Series;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
    const { buckets, forgotten } = rateFamilies;
    this.buckets = registry.gauge(buckets.name, buckets.help);
    this.forgotten = registry.counter(forgotten.name, forgotten.help);
  }

  exceeded(rate: string, result: RateResult): void {
    const { name, help } = rateFamilies.exceeded;
    this.#registry.counter(name, help, { rate, result }).value++;
  }

  penalty(rate: string): void {
    const { name, help } = rateFamilies.penalties;
    this.#registry.counter(name, help, { rate }).value++;
  }
}
