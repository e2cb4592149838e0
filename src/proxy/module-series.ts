/** What the data plane counts of one version of a module. */
import type { Histogram, MetricFamily, MetricRegistry, Series } from '#telemetry/metrics.ts';
import type { Stop } from '#waf/verdict.ts';
import { type Filter, phase } from '#wasm/filter.ts';

export const moduleSeriesFamilies = {
  calls: {
    name: 'weir_module_calls_total',
    type: 'counter',
    help: 'Calls of module versions by phase.',
  },
  verdicts: {
    name: 'weir_module_verdicts_total',
    type: 'counter',
    help: 'Requests that a module version ended, or would have in monitor mode, by kind; what its failures end counts as block.',
  },
  monitored: {
    name: 'weir_module_monitored_total',
    type: 'counter',
    help: 'What rules in monitor mode of a module version found.',
  },
  duration: {
    name: 'weir_module_duration_seconds',
    type: 'histogram',
    help: 'Time of a call of a module version.',
  },
  fuel: {
    name: 'weir_module_fuel',
    type: 'histogram',
    help: 'Instructions of a call of a module version.',
  },
  memory: {
    name: 'weir_module_memory_bytes',
    type: 'gauge',
    help: 'Memory of the instances of a module version, summed over workers.',
  },
  ready: {
    name: 'weir_module_ready_seconds',
    type: 'histogram',
    help: 'Time a worker took from the bytes of a module version to its first instance, at a start, a reload or a load.',
  },
} as const satisfies Record<string, MetricFamily>;

const durationBounds = [
  0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.0005, 0.005, 0.05,
];
const readyBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
const fuelBounds = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

const phaseNames = [
  [phase.requestHead, 'request-head'],
  [phase.requestBody, 'request-body'],
  [phase.responseHead, 'response-head'],
  [phase.responseBody, 'response-body'],
] as const;

export class ModuleSeries {
  readonly #filter: Filter;
  readonly #registry: MetricRegistry;
  readonly #labels: Readonly<Record<'module' | 'version', string>>;
  /** By the number of the phase's bit. */
  readonly #calls: (Series | undefined)[] = [];
  readonly #verdicts: Readonly<Record<Stop['kind'], Series>>;
  readonly #monitored: Series;
  readonly #duration: Histogram;
  readonly #fuel: Histogram;
  readonly #memory: Series | null;

  constructor(filter: Filter, registry: MetricRegistry) {
    const { calls, verdicts, monitored, duration, fuel, memory, ready } = moduleSeriesFamilies;
    const labels = { module: filter.name, version: filter.sha256.slice(0, 12) };
    this.#filter = filter;
    this.#registry = registry;
    this.#labels = labels;
    for (const [bit, name] of phaseNames)
      if ((filter.phases & bit) !== 0)
        this.#calls[bit] = registry.counter(calls.name, calls.help, { ...labels, phase: name });
    const verdict = (kind: Stop['kind']): Series =>
      registry.counter(verdicts.name, verdicts.help, { ...labels, verdict: kind });
    this.#verdicts = {
      block: verdict('block'),
      challenge: verdict('challenge'),
      limited: verdict('limited'),
      answer: verdict('answer'),
    };
    this.#monitored = registry.counter(monitored.name, monitored.help, labels);
    this.#duration = registry.histogram(duration.name, duration.help, durationBounds, labels);
    this.#fuel = registry.histogram(fuel.name, fuel.help, fuelBounds, labels);
    this.#memory =
      filter.memoryBytes === null ? null : registry.gauge(memory.name, memory.help, labels);
    if (filter.readyMs !== undefined)
      registry
        .histogram(ready.name, ready.help, readyBounds, labels)
        .observe(filter.readyMs / 1_000);
  }

  observe(bit: number, ms: number, instructions: number): void {
    const calls = this.#calls[bit];
    if (calls !== undefined) calls.value++;
    this.#duration.observe(ms / 1_000);
    this.#fuel.observe(instructions);
  }

  stopped(kind: Stop['kind']): void {
    this.#verdicts[kind].value++;
  }

  watched(count: number): void {
    this.#monitored.value += count;
  }

  measure(): void {
    if (this.#memory !== null) this.#memory.value = this.#filter.memoryBytes ?? 0;
  }

  /** The version is gone from this worker. */
  forget(): void {
    for (const { name } of Object.values(moduleSeriesFamilies))
      this.#registry.forget(name, this.#labels);
  }
}
