/** What became of what the packet detector found, by kind. */
import { type FindingKind, findingKinds } from '#synproxy/detector.ts';
import type { MetricRegistry, Series } from '#telemetry/metrics.ts';

const results = ['blocked', 'monitored', 'unproven', 'protected', 'failed'] as const;
export type FindingResult = (typeof results)[number];

export class DetectorFindings {
  readonly #series = new Map<string, Series>();

  constructor(registry: MetricRegistry) {
    for (const kind of findingKinds)
      for (const result of results)
        this.#series.set(
          `${kind} ${result}`,
          registry.counter(
            'weir_detector_findings_total',
            'Sources whose sampled packets looked like a flood or a scan, by kind and what became of it; unproven is one that has not shown that it is where the packets say.',
            { kind, result },
          ),
        );
  }

  count(kind: FindingKind, result: FindingResult): void {
    const series = this.#series.get(`${kind} ${result}`);
    if (series !== undefined) series.value++;
  }
}
