/** What the supervisor counts of module versions; the workers count failures (`module-failures.ts`). */

import type { ModuleOrigin } from '#state/module-database.ts';
import type { Histogram, MetricRegistry, Series } from '#telemetry/metrics.ts';

const origins = ['config', 'api', 'watch', 'fleet', 'rollback', 'quarantine'] as const;
const loads = {
  name: 'weir_module_loads_total',
  help: 'Module versions that were to go live, by where they came from and result.',
} as const;
const liveVersion = {
  name: 'weir_module_version',
  help: 'Number of the module version that is live; 0 where it is in quarantine and none took its place.',
} as const;
const state = {
  name: 'weir_module_state',
  help: '1 for the state a module is in, 0 for the other: live, or off while in quarantine.',
} as const;
const loadTime = {
  name: 'weir_module_load_seconds',
  help: 'Time the version that is live took to be loaded; absent where it went live with others, at a start or a reload.',
} as const;
const quarantines = {
  name: 'weir_module_quarantines_total',
  help: 'Module versions taken out of service because they kept failing.',
} as const;

export class ModuleMetrics {
  readonly #registry: MetricRegistry;
  readonly #loads: Readonly<Record<string, Series>>;
  readonly #seconds: Histogram;
  readonly #live = new Map<string, number>();

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
    this.#loads = Object.fromEntries(
      origins.flatMap((origin) =>
        (['ok', 'failed'] as const).map((result) => [
          `${origin} ${result}`,
          registry.counter(loads.name, loads.help, { origin, result }),
        ]),
      ),
    );
    this.#seconds = registry.histogram(
      'weir_module_load_duration_seconds',
      'Time from the order to load a module version to its last worker, or to its refusal, the trial included.',
      [0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 60],
    );
    registry.family({ ...liveVersion, type: 'gauge' });
    registry.family({ ...state, type: 'gauge' });
    registry.family({ ...loadTime, type: 'gauge' });
    registry.family({ ...quarantines, type: 'counter' });
  }

  /** `ms` is null at a start or a reload, where many go live together. */
  loaded(origin: ModuleOrigin, result: 'ok' | 'failed', ms: number | null): void {
    const series = this.#loads[`${origin} ${result}`];
    if (series !== undefined) series.value++;
    if (ms !== null) this.#seconds.observe(ms / 1_000);
  }

  /** That version is live now, and no other. */
  took(module: string, sha256: string, ms: number): void {
    const version = sha256.slice(0, 12);
    this.#registry.gauge(loadTime.name, loadTime.help, { module, version }).value = ms / 1_000;
  }

  /** 0 for one that is off. */
  live(module: string, version: number): void {
    const registry = this.#registry;
    if (this.#live.get(module) !== version) registry.forget(loadTime.name, { module });
    this.#live.set(module, version);
    registry.gauge(liveVersion.name, liveVersion.help, { module }).value = version;
    for (const name of ['live', 'off'])
      registry.gauge(state.name, state.help, { module, state: name }).value = Number(
        (version === 0) === (name === 'off'),
      );
    // From the beginning, so that the first one is seen as a rise.
    registry.counter(quarantines.name, quarantines.help, { module }).value += 0;
  }

  quarantined(module: string): void {
    this.#registry.counter(quarantines.name, quarantines.help, { module }).value++;
  }

  /** One that is no longer configured. */
  forget(module: string): void {
    this.#live.delete(module);
    for (const { name } of [liveVersion, state, quarantines, loadTime])
      this.#registry.forget(name, { module });
  }
}
