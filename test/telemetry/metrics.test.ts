import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry, mergeSamples, renderMetrics } from '../../src/telemetry/metrics.ts';

describe('metrics', () => {
  it('renders counters, gauges and histograms in the text format, cumulative and escaped', () => {
    const registry = new MetricRegistry();
    registry.counter('a_total', 'Counts.', { reason: 'say "no"\\\n' }).value = 3;
    registry.gauge('b', 'Gauge.').value = 0.5;
    const histogram = registry.histogram('c_seconds', 'Times.', [0.1, 1]);
    for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
    assert.equal(
      renderMetrics(registry.families, registry.samples()),
      [
        '# HELP a_total Counts.',
        '# TYPE a_total counter',
        'a_total{reason="say \\"no\\"\\\\\\n"} 3',
        '# HELP b Gauge.',
        '# TYPE b gauge',
        'b 0.5',
        '# HELP c_seconds Times.',
        '# TYPE c_seconds histogram',
        'c_seconds_bucket{le="0.1"} 2',
        'c_seconds_bucket{le="1"} 3',
        'c_seconds_bucket{le="+Inf"} 4',
        'c_seconds_sum 7.65',
        'c_seconds_count 4',
        '',
      ].join('\n'),
    );
  });

  it('gives the same series for the same labels', () => {
    const registry = new MetricRegistry();
    registry.counter('a_total', 'Counts.', { x: '1' }).value++;
    registry.counter('a_total', 'Counts.', { x: '1' }).value++;
    assert.deepEqual([...registry.samples()], [['a_total{x="1"}', 2]]);
  });

  it('sums samples of several processes and says nothing of a family without series', () => {
    const registry = new MetricRegistry();
    registry.family({ name: 'never_total', type: 'counter', help: 'Not yet.' });
    registry.counter('a_total', 'Counts.');
    const merged = mergeSamples([
      new Map([['a_total', 1]]),
      new Map([['a_total', 2]]),
      registry.samples(),
    ]);
    assert.equal(
      renderMetrics(registry.families, merged),
      '# HELP a_total Counts.\n# TYPE a_total counter\na_total 3\n',
    );
  });
});
