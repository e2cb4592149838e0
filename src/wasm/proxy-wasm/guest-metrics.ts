/**
 * Metrics as proxy-wasm has them, over the counters and gauges that a worker keeps for modules. A value can
 * be read back, so the last one is kept here; a histogram becomes two counters, how many and their sum.
 */
import { status } from './abi.ts';

export const guestMetricsMax = 32;

export type MetricKind = 'counter' | 'gauge';

/** What the worker counts with. */
export type MetricSink = { add(delta: number): void; set(value: number): void };

/** Why it cannot be had, as text. */
export type DefineMetric = (kind: MetricKind, name: string) => MetricSink | string;

type Metric = {
  readonly kind: MetricKind | 'histogram';
  readonly name: string;
  /** The value, or how many. */
  readonly sink: MetricSink;
  readonly sum: MetricSink | null;
  value: number;
};

export class GuestMetrics {
  readonly #define: DefineMetric;
  /** A number that a guest has been given stays good for the next instance, which asks by name again. */
  readonly #metrics: Metric[] = [];

  constructor(define: DefineMetric) {
    this.#define = define;
  }

  /** The metric's number, from 1 on, or why there is none. */
  define(kind: Metric['kind'], guestName: string): number | string {
    const name = cleanName(guestName);
    const known = this.#metrics.findIndex((metric) => metric.name === name);
    if (known >= 0)
      return this.#metrics[known]?.kind === kind ? known + 1 : `${name} is of another kind already`;
    if (this.#metrics.length >= guestMetricsMax) return `there are ${guestMetricsMax} already`;
    const isHistogram = kind === 'histogram';
    const sink = this.#define(isHistogram ? 'counter' : kind, isHistogram ? `${name}_count` : name);
    if (typeof sink === 'string') return sink;
    const sum = isHistogram ? this.#define('counter', `${name}_sum`) : null;
    if (typeof sum === 'string') return sum;
    return this.#metrics.push({ kind, name, sink, sum, value: 0 });
  }

  increment(id: number, delta: number): number {
    const metric = this.#metrics[id - 1];
    if (metric === undefined) return status.notFound;
    if (metric.kind === 'histogram' || (metric.kind === 'counter' && delta < 0))
      return status.badArgument;
    if (metric.kind === 'gauge') return this.#setGauge(metric, metric.value + delta);
    metric.value += delta;
    metric.sink.add(delta);
    return status.ok;
  }

  record(id: number, value: number): number {
    const metric = this.#metrics[id - 1];
    if (metric === undefined) return status.notFound;
    if (metric.kind === 'gauge') return this.#setGauge(metric, value);
    if (metric.kind === 'counter')
      return value < metric.value ? status.badArgument : this.increment(id, value - metric.value);
    metric.sink.add(1);
    metric.sum?.add(value);
    return status.ok;
  }

  /** Null where there is none, or nothing to be read. */
  value(id: number): number | null {
    const metric = this.#metrics[id - 1];
    return metric === undefined || metric.kind === 'histogram' ? null : metric.value;
  }

  #setGauge(metric: Metric, value: number): number {
    metric.value = value;
    metric.sink.set(value);
    return status.ok;
  }
}

/** Envoy's names have dots and more; here they become a label that metrics pages take. */
function cleanName(name: string): string {
  const clean = name.toLowerCase().replaceAll(/[^a-z0-9_]+/g, '_');
  return (/^[a-z]/.test(clean) ? clean : `m_${clean}`).slice(0, 56);
}
