/** The metric that counts failures of rule modules; workers make its series, the supervisor its help. */
import type { MetricFamily } from '#telemetry/metrics.ts';

export const moduleFailures = {
  name: 'weir_module_failures_total',
  type: 'counter',
  help: 'Calls in which a module itself failed, by version and kind.',
} as const satisfies MetricFamily;
