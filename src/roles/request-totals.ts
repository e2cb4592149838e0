/** Requests of all workers as `weir status` sums them up; null as long as none has counted any. */
import type { NodeStatus } from '#admin/control.ts';
import type { MetricSamples } from '#telemetry/metrics.ts';

export function requestTotals(samples: MetricSamples): NodeStatus['requests'] {
  const outcomes = [...samples].filter(([key]) => key.startsWith('weir_requests_total{'));
  if (outcomes.length === 0) return null;
  const outcome = (name: string) => samples.get(`weir_requests_total{outcome="${name}"}`) ?? 0;
  return {
    total: outcomes.reduce((sum, [, value]) => sum + value, 0),
    blocked: outcome('blocked'),
    monitored: samples.get('weir_requests_monitored_total') ?? 0,
    upstreamErrors: outcome('failed'),
  };
}
