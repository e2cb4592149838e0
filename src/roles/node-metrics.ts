/** What the supervisor counts itself; the data plane's counters are in `#proxy/proxy-metrics.ts`. */
import { ProxyMetrics } from '#proxy/proxy-metrics.ts';
import { MetricRegistry, type Series } from '#telemetry/metrics.ts';
import { moduleFailures } from './module-failures.ts';

type ByResult = Readonly<Record<'ok' | 'failed', Series>>;

export class NodeMetrics {
  readonly reloads: ByResult;
  readonly moduleLoads: ByResult;
  readonly workerRestarts: Series;
  readonly blockEntries: Series;
  readonly generation: Series;

  constructor(registry: MetricRegistry) {
    const byResult = (name: string, help: string): ByResult => ({
      ok: registry.counter(name, help, { result: 'ok' }),
      failed: registry.counter(name, help, { result: 'failed' }),
    });
    this.reloads = byResult('weir_config_reloads_total', 'Configuration reloads by result.');
    this.moduleLoads = byResult(
      'weir_module_loads_total',
      'Module loads while running, by result.',
    );
    this.workerRestarts = registry.counter(
      'weir_worker_restarts_total',
      'Workers replaced after they ended.',
    );
    this.blockEntries = registry.gauge('weir_block_entries', 'Block list entries.');
    this.generation = registry.gauge(
      'weir_config_generation',
      'Generation of configuration and modules that is live.',
    );
  }
}

/** A registry that knows every family a node can emit, those of its workers included. */
export function nodeRegistry(): { registry: MetricRegistry; metrics: NodeMetrics } {
  const registry = new MetricRegistry();
  new ProxyMetrics(registry);
  registry.family(moduleFailures);
  return { registry, metrics: new NodeMetrics(registry) };
}
