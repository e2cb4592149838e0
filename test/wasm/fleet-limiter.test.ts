/** Limits over the fleet in one worker: what a sliding window lets through, and how long it says to wait. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FleetLimiter } from '#wasm/services/fleet-limiter.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { WindowCounts } from '#wasm/services/window-counts.ts';
import { propertySettings } from '../support/property.ts';

const start = 1_000_000_000_000;

function limiterAt(clock: { nowMs: number }): FleetLimiter {
  const store = new SharedStore({
    ...{ writer: 0, onEvicted: () => {}, outlet: null },
    wallMs: () => clock.nowMs,
  });
  return new FleetLimiter(store, () => clock.nowMs);
}

describe('a limit over the fleet', () => {
  it('lets the capacity through, refuses what is over it, and counts nothing it refused', () => {
    const clock = { nowMs: start };
    const limiter = limiterAt(clock);
    const take = (cost = 1) => limiter.take('m', 'k', cost, 10, 60);
    assert.deepEqual([take(6), take(4)], [0, 0]);
    for (let times = 0; times < 5; times++) assert.ok(take() > 0);
    assert.ok(take(11) > 0, 'what never fits');
    assert.equal(limiter.take('m', 'other', 1, 10, 60), 0);
    assert.equal(limiter.take('n', 'k', 1, 10, 60), 0, 'another module');
    assert.equal(limiter.take('m', 'k', 1, 11, 60), 0, 'another limit');
    clock.nowMs += 120_000;
    assert.equal(take(10), 0);
  });

  it('does not let twice the capacity through where a window of the clock ends', () => {
    const clock = { nowMs: Math.floor(start / 60_000) * 60_000 + 59_900 };
    const limiter = limiterAt(clock);
    assert.equal(limiter.take('m', 'k', 10, 10, 60), 0);
    clock.nowMs += 200;
    assert.ok(limiter.take('m', 'k', 1, 10, 60) > 0);
  });

  it('says a time after which it fits, and no whole second too late', (test) => {
    const takes = fc.array(
      fc.record({ afterMs: fc.nat(20_000), cost: fc.integer({ min: 1, max: 5 }) }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(takes, fc.integer({ min: 5, max: 12 }), (steps, capacity) => {
        const clock = { nowMs: start };
        const limiter = limiterAt(clock);
        for (const { afterMs, cost } of steps) {
          clock.nowMs += afterMs;
          const wait = limiter.take('m', 'k', cost, capacity, 30);
          if (wait === 0) continue;
          assert.ok(wait <= 60, `${wait}`);
          clock.nowMs += wait * 1_000;
          assert.equal(limiter.take('m', 'k', cost, capacity, 30), 0);
        }
      }),
      propertySettings(test, 300),
    );
  });

  it('agrees with the count it is made of', (test) => {
    const step = fc.record({ afterMs: fc.integer({ min: -300, max: 2_500 }), delta: fc.nat(4) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const counts = new WindowCounts(() => {});
        let nowMs = start;
        for (const { afterMs, delta } of steps) {
          nowMs += afterMs;
          const wait = counts.waitMs('k', 1, 8, 1_000, nowMs);
          const seen = counts.add('k', 0, 1_000, nowMs);
          // A part of a request that still reaches in is one to a limit, and none to a count.
          assert.ok(wait === 0 ? seen + 1 <= 8 : seen + 2 > 8, `${seen} and ${wait}`);
          counts.add('k', delta, 1_000, nowMs);
        }
      }),
      propertySettings(test, 500),
    );
  });
});
