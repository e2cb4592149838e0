/**
 * Counters, gauges and histograms in the Prometheus text format, without cost on the hot path: a series
 * is an object with a number in it, and names are put together when somebody asks.
 *
 * Samples are plain `name{labels} → number`, and summing them over processes is always meaningful;
 * gauges are counts of things, histograms are cumulative buckets. Label values come from code and
 * configuration only, never from requests, so the number of series is bounded by construction.
 */

export type MetricSamples = ReadonlyMap<string, number>;
type MetricType = 'counter' | 'gauge' | 'histogram';
export type MetricFamily = {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
};

export class Series {
  value = 0;
}

export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] as number)) i++;
    counts[i] = (counts[i] as number) + 1;
    this.sum += value;
  }
}

export class MetricRegistry {
  readonly #families = new Map<string, MetricFamily>();
  readonly #series = new Map<string, Series | Histogram>();

  /** Announces a family whose series are made later, or in another process. */
  family(family: MetricFamily): void {
    this.#families.set(family.name, family);
  }

  counter(name: string, help: string, labels: Readonly<Record<string, string>> = {}): Series {
    return this.#number({ name, type: 'counter', help }, labels);
  }

  gauge(name: string, help: string, labels: Readonly<Record<string, string>> = {}): Series {
    return this.#number({ name, type: 'gauge', help }, labels);
  }

  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    labels: Readonly<Record<string, string>> = {},
  ): Histogram {
    this.#families.set(name, { name, type: 'histogram', help });
    const key = seriesKey(name, labels);
    const known = this.#series.get(key);
    if (known instanceof Histogram) return known;
    const histogram = new Histogram(bounds);
    this.#series.set(key, histogram);
    return histogram;
  }

  /** Ends every series of a family that has these labels, others beside them or not. */
  forget(name: string, labels: Readonly<Record<string, string>>): void {
    const pairs = Object.entries(labels).map(
      ([label, value]) => `${label}="${escapeLabel(value)}"`,
    );
    for (const key of this.#series.keys()) {
      if (key.startsWith(`${name}{`) && pairs.every((pair) => key.includes(pair)))
        this.#series.delete(key);
    }
  }

  get families(): readonly MetricFamily[] {
    return [...this.#families.values()];
  }

  samples(): Map<string, number> {
    const samples = new Map<string, number>();
    for (const [key, series] of this.#series) {
      if (series instanceof Series) {
        samples.set(key, series.value);
        continue;
      }
      let count = 0;
      const brace = key.indexOf('{');
      const name = brace < 0 ? key : key.slice(0, brace);
      const labels = brace < 0 ? '' : key.slice(brace);
      const bucketLabels = brace < 0 ? '{' : `${labels.slice(0, -1)},`;
      for (let i = 0; i < series.counts.length; i++) {
        count += series.counts[i] as number;
        samples.set(`${name}_bucket${bucketLabels}le="${series.bounds[i] ?? '+Inf'}"}`, count);
      }
      samples.set(`${name}_sum${labels}`, series.sum);
      samples.set(`${name}_count${labels}`, count);
    }
    return samples;
  }

  #number(family: MetricFamily, labels: Readonly<Record<string, string>>): Series {
    this.#families.set(family.name, family);
    const key = seriesKey(family.name, labels);
    const known = this.#series.get(key);
    if (known instanceof Series) return known;
    const series = new Series();
    this.#series.set(key, series);
    return series;
  }
}

export function seriesKey(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
}

const escapeLabel = (value: string): string =>
  value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));

export function mergeSamples(all: Iterable<MetricSamples>): Map<string, number> {
  const merged = new Map<string, number>();
  for (const samples of all) {
    for (const [key, value] of samples) merged.set(key, (merged.get(key) ?? 0) + value);
  }
  return merged;
}

/** The text format 0.0.4, families in the order given, each with its series sorted as they were made. */
export function renderMetrics(families: readonly MetricFamily[], samples: MetricSamples): string {
  const byName = new Map<string, string[]>();
  for (const [key, value] of samples) {
    const brace = key.indexOf('{');
    const bare = brace < 0 ? key : key.slice(0, brace);
    const lines = byName.get(bare) ?? [];
    lines.push(`${key} ${value}`);
    byName.set(bare, lines);
  }
  let text = '';
  for (const { name, type, help } of families) {
    const parts =
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
    const lines = parts.flatMap((part) => byName.get(part) ?? []);
    if (lines.length > 0)
      text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`;
  }
  return text;
}
