/**
 * How late the event loop of a worker is: the 99th percentile of some seconds, as a metric and, of the worst
 * worker, in the beat of a node. Before the first of these spans there is nothing, and so no number.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type MetricRegistry, type MetricSamples, seriesKey } from '#telemetry/metrics.ts';

export const loopDelay = {
  name: 'weir_worker_loop_delay_p99_seconds',
  type: 'gauge',
  help: 'How late the event loop of a worker was, 99 of 100 times at most, over the last 5 seconds.',
} as const;

const spanMs = 5_000;
/** Between two looks; what the histogram holds is the time between them. */
const resolutionMs = 20;

export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor(registry: MetricRegistry, slot: number) {
    const labels = { worker: String(slot) };
    this.#histogram.enable();
    setInterval(() => {
      const seconds = this.#histogram.percentile(99) / 1e9 - resolutionMs / 1_000;
      this.#histogram.reset();
      registry.gauge(loopDelay.name, loopDelay.help, labels).value = Math.max(0, seconds);
    }, spanMs).unref();
  }
}

/** Of the worst worker; null where none has said yet. */
export function worstLoopDelayMs(samples: MetricSamples, workers: number): number | null {
  let worst: number | null = null;
  for (let slot = 0; slot < workers; slot++) {
    const seconds = samples.get(seriesKey(loopDelay.name, { worker: String(slot) }));
    if (seconds !== undefined) worst = Math.max(worst ?? 0, seconds * 1_000);
  }
  return worst;
}
