/** What modules make the host count, and what they count themselves. Series are bounded by the configuration. */
import type { MetricFamily, MetricRegistry, Series } from '#telemetry/metrics.ts';
import type { CustomMetric, MetricKind, ModuleMetrics } from '../host-services.ts';

export const customMetricsMax = 32;
const namePattern = /^[a-z][a-z0-9_]{0,63}$/;

/** Announced by the supervisor too, which renders the page. */
export const moduleFamilies = {
  hostCalls: {
    name: 'weir_module_host_calls_total',
    type: 'counter',
    help: 'Host calls by module and call.',
  },
  counters: {
    name: 'weir_module_custom_total',
    type: 'counter',
    help: 'Counters that modules define.',
  },
  gauges: {
    name: 'weir_module_custom',
    type: 'gauge',
    help: 'Gauges that modules define, summed over workers.',
  },
  evicted: {
    name: 'weir_module_evicted_total',
    type: 'counter',
    help: 'Values and counts of modules that had to go before their time, for want of room.',
  },
  bucketsForgotten: {
    name: 'weir_module_buckets_forgotten_total',
    type: 'counter',
    help: 'Token buckets of limits that were taken for full before they were, for want of room.',
  },
  syncDropped: {
    name: 'weir_module_sync_dropped_total',
    type: 'counter',
    help: 'Changes of values, counts and buckets that other workers were not told of.',
  },
  fetches: {
    name: 'weir_module_fetches_total',
    type: 'counter',
    help: 'Fetches of modules by result.',
  },
  blocks: {
    name: 'weir_module_blocks_total',
    type: 'counter',
    help: 'Addresses that modules blocked, or why they were refused.',
  },
  logDropped: {
    name: 'weir_module_log_dropped_total',
    type: 'counter',
    help: 'Log lines of modules beyond what is written in a second.',
  },
} as const satisfies Record<string, MetricFamily>;

export class RegisteredModuleMetrics implements ModuleMetrics {
  readonly #registry: MetricRegistry;
  readonly #custom = new Map<string, Map<string, RegisteredMetric>>();

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
    for (const family of Object.values(moduleFamilies)) registry.family(family);
  }

  hostCalls(module: string, call: string): Series {
    const { name, help } = moduleFamilies.hostCalls;
    return this.#registry.counter(name, help, { module, call });
  }

  counter(
    family: 'evicted' | 'bucketsForgotten' | 'logDropped' | 'syncDropped' | 'fetches' | 'blocks',
    labels: Readonly<Record<string, string>>,
  ): Series {
    const { name, help } = moduleFamilies[family];
    return this.#registry.counter(name, help, labels);
  }

  define(module: string, kind: MetricKind, name: string): CustomMetric | string {
    if (!namePattern.test(name)) return 'a name is [a-z][a-z0-9_]{0,63}';
    const defined = this.#custom.get(module) ?? new Map<string, RegisteredMetric>();
    const known = defined.get(name);
    if (known !== undefined) return known.kind === kind ? known : `${name} is a ${known.kind}`;
    if (defined.size >= customMetricsMax) return `there are ${customMetricsMax} already`;
    const labels = { module, name };
    const series =
      kind === 'counter'
        ? this.#registry.counter(moduleFamilies.counters.name, moduleFamilies.counters.help, labels)
        : this.#registry.gauge(moduleFamilies.gauges.name, moduleFamilies.gauges.help, labels);
    const metric = new RegisteredMetric(kind, series);
    this.#custom.set(module, defined.set(name, metric));
    return metric;
  }

  /** A module that is gone no longer takes room, and its gauges say nothing any more. */
  retain(names: ReadonlySet<string>): void {
    for (const module of this.#custom.keys()) {
      if (names.has(module)) continue;
      this.#custom.delete(module);
      this.#registry.forget(moduleFamilies.counters.name, { module });
      this.#registry.forget(moduleFamilies.gauges.name, { module });
    }
  }
}

class RegisteredMetric implements CustomMetric {
  readonly kind: MetricKind;
  readonly #series: Series;

  constructor(kind: MetricKind, series: Series) {
    this.kind = kind;
    this.#series = series;
  }

  /** A counter never goes down. */
  add(delta: number): void {
    if (this.kind === 'gauge' || delta > 0) this.#series.value += delta;
  }

  set(value: number): void {
    if (this.kind === 'gauge' && Number.isFinite(value)) this.#series.value = value;
  }
}
