/** When a node does worse than before, and when it only has another day. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { guardDefaults, judge } from '#rollout/guards.ts';
import {
  type Health,
  type HealthSample,
  healthBetween,
  latencyBoundsMs,
  quantileMs,
} from '#rollout/health.ts';

const healthOf = (
  requests: number,
  more: { failed?: number; blocked?: number; moduleFailures?: number; p99Ms?: number } = {},
): Health => {
  const { failed = 0, blocked = 0, moduleFailures = 0, p99Ms = 10 } = more;
  const share = (part: number) => (requests === 0 ? null : part / requests);
  return {
    ...{ requests, failed, blocked, moduleFailures, p99Ms },
    failedShare: share(failed),
    blockedShare: share(blocked),
  };
};
const calm = healthOf(1_000, { failed: 1, blocked: 20 });

const cases: readonly (readonly [string, Health, Health | null, RegExp | null])[] = [
  ['as before', healthOf(500, { blocked: 12 }), calm, null],
  [
    'a single call in which a module failed',
    healthOf(5, { moduleFailures: 1 }),
    calm,
    /failed in 1 calls/,
  ],
  [
    'modules that fail now and then, as they did',
    healthOf(1_000, { moduleFailures: 12 }),
    healthOf(1_000, { moduleFailures: 10 }),
    null,
  ],
  [
    'errors that were not there',
    healthOf(200, { failed: 10 }),
    calm,
    /5\.00 % of its answers are errors \(10 of 200 requests.*before it was 0\.10 %/,
  ],
  [
    'errors as many as before',
    healthOf(200, { failed: 10 }),
    healthOf(1_000, { failed: 50 }),
    null,
  ],
  ['two errors of a few requests', healthOf(60, { failed: 2 }), calm, null],
  ['too few requests to say', healthOf(49, { failed: 20 }), calm, null],
  [
    'errors without anything to compare',
    healthOf(100, { failed: 30 }),
    null,
    /too little to compare/,
  ],
  [
    'everything blocked',
    healthOf(100, { blocked: 100 }),
    calm,
    /100\.0 % of its requests are blocked/,
  ],
  [
    'nothing blocked any more',
    healthOf(100),
    healthOf(1_000, { blocked: 300 }),
    /none of its|0\.0 % of its requests are blocked \(0 of 100\), and before it was 30\.0 %/,
  ],
  ['blocked without anything to compare', healthOf(100, { blocked: 100 }), null, null],
  [
    'three times as slow',
    healthOf(100, { p99Ms: 90 }),
    healthOf(1_000, { p99Ms: 30 }),
    /takes 90 ms/,
  ],
  ['slower by a hair', healthOf(100, { p99Ms: 3 }), healthOf(1_000, { p99Ms: 1 }), null],
];

describe('the guards of a rollout', () => {
  for (const [what, now, before, expected] of cases)
    it(`${expected === null ? 'let pass' : 'stop'}: ${what}`, () => {
      const found = judge(now, before, guardDefaults);
      if (expected === null) assert.equal(found, null);
      else assert.match(found ?? 'nothing', expected);
    });
});

const sample = (requests: number, latency: Partial<Record<number, number>> = {}): HealthSample => ({
  ...{ requests, blocked: 0, failed: 0, moduleFailures: 0 },
  latency: [...latencyBoundsMs, 0].map((_, index) => latency[index] ?? 0),
});

describe('health between two reports', () => {
  it('is what happened between them', () => {
    const found = healthBetween(
      { ...sample(100, { 0: 100 }), blocked: 5 },
      { ...sample(300, { 0: 290, 5: 10 }), blocked: 25, failed: 2 },
    );
    assert.deepEqual(
      [found?.requests, found?.blocked, found?.failed, found?.blockedShare],
      [200, 20, 2, 0.1],
    );
  });

  it('is nothing of a node that began anew, and has no shares of no requests', () => {
    assert.equal(healthBetween(sample(100), sample(3)), null);
    assert.equal(healthBetween(sample(100), sample(100))?.failedShare, null);
    assert.equal(healthBetween(sample(100), sample(100))?.p99Ms, null);
  });

  it('a quantile lies in the bucket that has it', () => {
    const latency = sample(0, { 0: 90, 4: 10 }).latency;
    const found = quantileMs(latency, 0.99) ?? 0;
    assert.ok(found > 10 && found <= 25, String(found));
    assert.equal(quantileMs(sample(0, { [latencyBoundsMs.length]: 5 }).latency, 0.99), 30_000);
  });
});
