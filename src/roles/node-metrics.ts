/** What the supervisor counts itself; the data plane's counters are in `#proxy/proxy-metrics.ts`. */
import { ProxyMetrics } from '#proxy/proxy-metrics.ts';
import { MetricRegistry, type Series } from '#telemetry/metrics.ts';
import { moduleFamilies } from '#wasm/services/module-metrics.ts';
import { certificateNotAfter } from './certificate-watch.ts';
import { DetectorFindings } from './detector-metrics.ts';
import { fleetFamilies } from './fleet-metrics.ts';
import { InspectionCounts } from './inspection-counts.ts';
import { loopDelay } from './loop-delay.ts';
import { moduleFailures } from './module-failures.ts';
import { ModuleMetrics } from './module-metrics.ts';
import { partFamilies } from './part-families.ts';
import { shieldFamilies } from './shield-metrics.ts';

type ByResult = Readonly<Record<'ok' | 'failed', Series>>;

export class NodeMetrics {
  readonly reloads: ByResult;
  readonly modules: ModuleMetrics;
  readonly certificateRenewals: ByResult;
  readonly certificates: Readonly<Record<'valid' | 'awaiting' | 'failing', Series>>;
  readonly nextRenewal: Series;
  readonly workerRestarts: Series;
  readonly workerHangs: Series;
  readonly blockEntries: Series;
  readonly generation: Series;
  readonly findings: DetectorFindings;

  constructor(registry: MetricRegistry) {
    const byResult = (name: string, help: string): ByResult => ({
      ok: registry.counter(name, help, { result: 'ok' }),
      failed: registry.counter(name, help, { result: 'failed' }),
    });
    this.reloads = byResult('weir_config_reloads_total', 'Configuration reloads by result.');
    this.modules = new ModuleMetrics(registry);
    this.certificateRenewals = byResult(
      'weir_certificate_renewals_total',
      'Certificates obtained or renewed by ACME, by result.',
    );
    const managed = (state: string) =>
      registry.gauge('weir_certificates', 'Certificates kept by ACME, by state.', { state });
    this.certificates = {
      valid: managed('valid'),
      awaiting: managed('awaiting'),
      failing: managed('failing'),
    };
    this.nextRenewal = registry.gauge(
      'weir_certificate_next_renewal_timestamp_seconds',
      'When a certificate is obtained, renewed or tried again next; 0 without any.',
    );
    this.workerRestarts = registry.counter(
      'weir_worker_restarts_total',
      'Workers replaced after they ended.',
    );
    this.workerHangs = registry.counter(
      'weir_worker_hangs_total',
      'Workers ended because they did not come back to their event loop.',
    );
    this.blockEntries = registry.gauge('weir_block_entries', 'Block list entries.');
    this.generation = registry.gauge(
      'weir_config_generation',
      'Generation of configuration and modules that is live.',
    );
    this.findings = new DetectorFindings(registry);
  }
}

/** A registry that knows every family a node can emit, those of its workers included. */
export function nodeRegistry(): { registry: MetricRegistry; metrics: NodeMetrics } {
  const registry = new MetricRegistry();
  new ProxyMetrics(registry);
  registry.family(moduleFailures);
  registry.family(loopDelay);
  new InspectionCounts(registry);
  for (const family of Object.values(moduleFamilies)) registry.family(family);
  registry.family(certificateNotAfter);
  for (const family of Object.values(shieldFamilies)) registry.family(family);
  for (const family of Object.values(fleetFamilies)) registry.family(family);
  for (const family of partFamilies) registry.family(family);
  return { registry, metrics: new NodeMetrics(registry) };
}
