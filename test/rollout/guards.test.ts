/** When a node does worse than before, and when it only has another day. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { guardDefaults, judge } from '#rollout/guards.ts';
import {
  type HealthSample,
  healthOver,
  latencyBoundsMs,
  quantileMs,
  type RecentHealth,
  slowerThan,
} from '#rollout/health.ts';

const buckets = (filled: Partial<Record<number, number>>): number[] =>
  [...latencyBoundsMs, 0].map((_, index) => filled[index] ?? 0);

const healthOf = (
  requests: number,
  more: {
    readonly failed?: number;
    readonly blocked?: number;
    readonly moduleFailures?: number;
    readonly p99Ms?: number;
    /** In each of five parts of `requests`, how many took 50 to 100 ms. */
    readonly slow?: readonly number[];
  } = {},
): RecentHealth => {
  const { failed = 0, blocked = 0, moduleFailures = 0, p99Ms = 10, slow = [0, 0, 0, 0, 0] } = more;
  const share = (part: number) => (requests === 0 ? null : part / requests);
  return {
    ...{ requests, failed, blocked, moduleFailures, p99Ms },
    failedShare: share(failed),
    blockedShare: share(blocked),
    parts: slow.map((count) => buckets({ 0: requests / slow.length - count, 6: count })),
  };
};
const calm = healthOf(1_000, { failed: 1, blocked: 20 });

const cases: readonly (readonly [string, RecentHealth, RecentHealth | null, RegExp | null])[] = [
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
    'slower in most of the time',
    healthOf(500, { slow: [5, 5, 0, 6, 5] }),
    healthOf(1_000, { p99Ms: 20 }),
    /21 of 500 requests took longer than 40 ms, and before it one in a hundred took longer than 20 ms; 2 times/,
  ],
  [
    'one hiccup, however long',
    healthOf(500, { slow: [0, 60, 0, 0, 0] }),
    healthOf(1_000, { p99Ms: 20 }),
    null,
  ],
  [
    'hiccups, and too short a time to say that there are only some',
    healthOf(500, { slow: [60, 60] }),
    healthOf(1_000, { p99Ms: 20 }),
    null,
  ],
  [
    'no more slow ones than chance has',
    healthOf(500, { slow: [3, 2, 3, 2, 3] }),
    healthOf(1_000, { p99Ms: 20 }),
    null,
  ],
  [
    'all slow, of few',
    healthOf(50, { slow: [10, 10, 10, 10, 10] }),
    healthOf(60, { p99Ms: 20 }),
    /50 of 50 requests took longer than 40 ms/,
  ],
  [
    'slow as it was before',
    healthOf(500, { slow: [50, 50, 50, 50, 50] }),
    healthOf(1_000, { p99Ms: 90 }),
    null,
  ],
  [
    'slower by a hair',
    healthOf(100, { slow: [9, 9, 9, 9, 9] }),
    healthOf(1_000, { p99Ms: 85 }),
    null,
  ],
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
  latency: buckets(latency),
});

describe('health between two reports', () => {
  it('is what happened between them', () => {
    const found = healthOver([
      { ...sample(100, { 0: 100 }), blocked: 5 },
      { ...sample(300, { 0: 290, 5: 10 }), blocked: 25, failed: 2 },
    ]);
    assert.deepEqual(
      [found?.requests, found?.blocked, found?.failed, found?.blockedShare],
      [200, 20, 2, 0.1],
    );
  });

  it('is nothing of a node that began anew, and has no shares of no requests', () => {
    assert.equal(healthOver([sample(100), sample(3)]), null);
    assert.equal(healthOver([sample(100), sample(100)])?.failedShare, null);
    assert.equal(healthOver([sample(100), sample(100)])?.p99Ms, null);
  });

  it('is cut into as many parts as there are reports, five at most', () => {
    const sizes = (reports: number) =>
      healthOver(
        Array.from({ length: reports }, (_, at) => sample(at * 10, { 0: at * 10 })),
      )?.parts.map(([first]) => first);
    assert.deepEqual(sizes(2), [10]);
    assert.deepEqual(sizes(4), [10, 10, 10]);
    assert.deepEqual(sizes(8), [10, 20, 10, 20, 10]);
    assert.deepEqual(sizes(61), [120, 120, 120, 120, 120]);
  });

  it('requests slower than a bound are those above it, in its own bucket by the share of the way', () => {
    const latency = buckets({ 0: 7, 6: 10, [latencyBoundsMs.length]: 3 });
    assert.deepEqual(
      [0, 50, 75, 100, 30_000, 60_000].map((ms) => slowerThan(latency, ms)),
      [20, 13, 8, 3, 3, 0],
    );
  });

  it('a quantile lies in the bucket that has it', () => {
    const latency = sample(0, { 0: 90, 4: 10 }).latency;
    const found = quantileMs(latency, 0.99) ?? 0;
    assert.ok(found > 10 && found <= 25, String(found));
    assert.equal(quantileMs(sample(0, { [latencyBoundsMs.length]: 5 }).latency, 0.99), 30_000);
  });
});
