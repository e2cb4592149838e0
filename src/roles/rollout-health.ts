/** The counters of a node that a rollout is judged by, taken from the samples of its workers. */
import { type HealthSample, latencyBoundsMs } from '#rollout/health.ts';
import type { MetricSamples } from '#telemetry/metrics.ts';
import { moduleFailures } from './module-failures.ts';

/** Null as long as no worker has counted anything. */
export function healthSampleOf(samples: MetricSamples): HealthSample | null {
  let [requests, blocked, failed, failures] = [0, 0, 0, 0];
  let isCounted = false;
  for (const [key, value] of samples) {
    if (key.startsWith('weir_requests_total{')) {
      isCounted = true;
      requests += value;
      if (key === 'weir_requests_total{outcome="blocked"}') blocked += value;
    } else if (key.startsWith('weir_responses_total{code="5')) failed += value;
    else if (key.startsWith(`${moduleFailures.name}{`)) failures += value;
  }
  if (!isCounted) return null;
  const bucket = (bound: number | '+Inf'): number =>
    samples.get(`weir_request_duration_seconds_bucket{le="${bound}"}`) ?? 0;
  let below = 0;
  const latency = [...latencyBoundsMs.map((ms) => bucket(ms / 1_000)), bucket('+Inf')].map(
    (until) => {
      const count = Math.max(0, until - below);
      below = Math.max(below, until);
      return count;
    },
  );
  return { requests, blocked, failed, moduleFailures: failures, latency };
}
