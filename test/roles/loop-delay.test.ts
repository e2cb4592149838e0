/** What of a worker's event loop is told: of the worst worker, and nothing before it was measured. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LoopDelay, loopDelay, worstLoopDelayMs } from '#roles/loop-delay.ts';
import { MetricRegistry, seriesKey } from '#telemetry/metrics.ts';

const sample = (slot: number, seconds: number): [string, number] => [
  seriesKey(loopDelay.name, { worker: String(slot) }),
  seconds,
];

it('is that of the worst worker, and absent where none has said yet', () => {
  assert.equal(worstLoopDelayMs(new Map(), 2), null);
  assert.equal(worstLoopDelayMs(new Map([sample(1, 0.25)]), 2), 250);
  assert.equal(worstLoopDelayMs(new Map([sample(0, 0.5), sample(1, 0.25)]), 2), 500);
});

it('has no number before the first span has passed', () => {
  const registry = new MetricRegistry();
  new LoopDelay(registry, 0);
  assert.equal(registry.samples().size, 0);
});
