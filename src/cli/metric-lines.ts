/**
 * The text form of metrics as a command reads it: the samples of some families, with their labels.
 *
 * Label values of Weir's own metrics hold neither a quote nor a backslash that matters here: names of modules, versions,
 * phases and kinds.
 */
export type MetricSample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

const line = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;
const label = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

/** Of the families whose names begin with `prefix`, in the order of the page. */
export function readMetricLines(text: string, prefix: string): readonly MetricSample[] {
  return text.split('\n').flatMap((one) => {
    if (!one.startsWith(prefix)) return [];
    const [, name, labels = '', value] = line.exec(one) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(label)].map(
      ([, key = '', text = '']) => [key, text] as const,
    );
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

export type HistogramFigures = {
  readonly count: number;
  readonly mean: number;
  /** The bound that 99 of 100 are below; null where that is none of the histogram's. */
  readonly below99: number | null;
};

/** Null where nothing was observed. `samples` are those of one series. */
export function histogramFigures(
  samples: readonly MetricSample[],
  family: string,
): HistogramFigures | null {
  const of = (name: string) => samples.find((sample) => sample.name === name)?.value ?? 0;
  const count = of(`${family}_count`);
  if (count === 0) return null;
  const bound = samples
    .filter(({ name, value }) => name === `${family}_bucket` && value >= count * 0.99)
    .map(({ labels }) => Number(labels['le']?.replace('+Inf', 'Infinity')))
    .reduce((least, one) => Math.min(least, one), Number.POSITIVE_INFINITY);
  return {
    count,
    mean: of(`${family}_sum`) / count,
    below99: Number.isFinite(bound) ? bound : null,
  };
}
