/** Counters of workers that have ended still count; what they held open is gone. */
import { type MetricSamples, mergeSamples } from '#telemetry/metrics.ts';

export class RetiredCounters {
  /** Names of families that are no counters. */
  readonly #gauges: ReadonlySet<string>;
  samples: MetricSamples = new Map();

  constructor(gauges: ReadonlySet<string>) {
    this.#gauges = gauges;
  }

  add(samples: MetricSamples): void {
    const counters = new Map(
      [...samples].filter(([key]) => !this.#gauges.has(key.split('{')[0] as string)),
    );
    this.samples = mergeSamples([this.samples, counters]);
  }
}
