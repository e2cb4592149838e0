/** The series of the module versions that a worker runs: made when a snapshot is, ended when none uses them. */
import type { MetricRegistry } from '#telemetry/metrics.ts';
import type { Filter } from '#wasm/filter.ts';
import { type AcceptWord, acceptWords } from './accept/accept-fault.ts';
import type { AcceptCounts } from './accept/accept-filter.ts';
import { ModuleSeries, moduleSeriesFamilies } from './module-series.ts';

export class ModuleSeriesTable {
  readonly #registry: MetricRegistry;
  readonly #series = new Map<Filter, ModuleSeries>();
  /** Of what routes do not take, which stands among their modules. */
  readonly accept: AcceptCounts;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
    for (const family of Object.values(moduleSeriesFamilies)) registry.family(family);
    const refused = (what: AcceptWord) => registry.counter(accepted.name, accepted.help, { what });
    this.accept = Object.fromEntries(
      acceptWords.map((what) => [what, refused(what)]),
    ) as AcceptCounts;
  }

  of(filter: Filter): ModuleSeries {
    const known = this.#series.get(filter);
    if (known !== undefined) return known;
    const series = new ModuleSeries(filter, this.#registry);
    this.#series.set(filter, series);
    return series;
  }

  measure(): void {
    for (const series of this.#series.values()) series.measure();
  }

  retain(filters: Iterable<Filter>): void {
    const live = new Set(filters);
    const versions = new Set([...live].map(versionOf));
    for (const [filter, series] of this.#series) {
      if (live.has(filter)) continue;
      this.#series.delete(filter);
      // The same bytes under other settings go on with the same series.
      if (!versions.has(versionOf(filter))) series.forget();
    }
  }
}

const accepted = {
  name: 'weir_requests_not_accepted_total',
  help: 'Requests that a route does not take, or would not outside monitor mode, by what is wrong with them.',
};

const versionOf = ({ name, sha256 }: Filter): string => `${name} ${sha256}`;
