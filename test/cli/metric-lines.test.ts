/** Metrics as commands read them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { histogramFigures, readMetricLines } from '#cli/metric-lines.ts';
import { MetricRegistry, renderMetrics } from '#telemetry/metrics.ts';

const page = (): string => {
  const registry = new MetricRegistry();
  const time = registry.histogram('weir_a_seconds', 'Time.', [0.001, 0.01, 0.1], { module: 'm' });
  for (let i = 0; i < 99; i++) time.observe(0.002);
  time.observe(5);
  registry.counter('weir_a_total', 'Count.', { module: 'm', kind: 'odd "name"' }).value = 3;
  registry.counter('weir_b_total', 'Another.').value = 4;
  return renderMetrics(registry.families, registry.samples());
};

describe('a page of metrics', () => {
  it('is read by family', () => {
    const samples = readMetricLines(page(), 'weir_a_');
    assert.deepEqual(
      samples.find(({ name }) => name === 'weir_a_total'),
      { name: 'weir_a_total', labels: { module: 'm', kind: 'odd \\"name\\"' }, value: 3 },
    );
    assert.deepEqual(readMetricLines(page(), 'weir_b_'), [
      { name: 'weir_b_total', labels: {}, value: 4 },
    ]);
  });

  it('gives the mean of a histogram, and what 99 of 100 are below', () => {
    const figures = histogramFigures(readMetricLines(page(), 'weir_a_'), 'weir_a_seconds');
    assert.equal(figures?.count, 100);
    assert.equal(figures.below99, 0.01);
    assert(Math.abs(figures.mean - 0.05198) < 1e-9);
  });

  it('has no figures where nothing was observed, and no bound beyond the last', () => {
    assert.equal(histogramFigures([], 'weir_a_seconds'), null);
    const registry = new MetricRegistry();
    registry.histogram('weir_c', 'Of one.', [1]).observe(2);
    const text = renderMetrics(registry.families, registry.samples());
    assert.equal(histogramFigures(readMetricLines(text, 'weir_c'), 'weir_c')?.below99, null);
  });
});
