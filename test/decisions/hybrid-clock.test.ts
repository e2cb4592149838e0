/** The clock decisions are ordered by, under clocks that are set back and forth. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clockSkewMaxMs, compareTimes, counterMax, type HybridTime } from '#decisions/decision.ts';
import { HybridClock } from '#decisions/hybrid-clock.ts';
import { propertySettings } from '../support/property.ts';

const nowMs = Date.UTC(2026, 0, 5, 12);
const fiveMinutes = 300_000;

describe('the hybrid clock', () => {
  it('goes on however the wall clock steps by five minutes, over restarts, and after what it has seen', (test) => {
    const step = fc.record({
      stepMs: fc.integer({ min: -fiveMinutes, max: fiveMinutes }),
      seenMs: fc.option(fc.integer({ min: -fiveMinutes, max: fiveMinutes })),
      restarts: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        let clock = new HybridClock();
        let last: HybridTime = { ms: 0, counter: 0 };
        for (const { stepMs, seenMs, restarts } of steps) {
          const at = clock.next(nowMs + stepMs);
          assert.ok(compareTimes(at, last) > 0);
          last = at;
          if (seenMs !== null) {
            const seen = { ms: nowMs + seenMs, counter: 3 };
            clock.observe(seen);
            if (compareTimes(seen, last) > 0) last = seen;
          }
          if (restarts) clock = new HybridClock(clock.last);
        }
      }),
      propertySettings(test, 300),
    );
  });

  it('stays with the wall clock where nothing is ahead of it', () => {
    const clock = new HybridClock();
    assert.deepEqual(clock.next(nowMs), { ms: nowMs, counter: 0 });
    assert.deepEqual(clock.next(nowMs), { ms: nowMs, counter: 1 });
    assert.deepEqual(clock.next(nowMs + 1), { ms: nowMs + 1, counter: 0 });
  });

  it('has a next time where the counter has none', () => {
    const clock = new HybridClock({ ms: nowMs, counter: counterMax });
    assert.deepEqual(clock.next(nowMs), { ms: nowMs + 1, counter: 0 });
  });

  it('says what is wrong where the wall clock is further behind than others put up with', () => {
    const clock = new HybridClock({ ms: nowMs + clockSkewMaxMs, counter: 0 });
    assert.equal(clock.next(nowMs).counter, 1);
    assert.throws(() => clock.next(nowMs - 1), {
      code: 'FLEET_CLOCK_BEHIND',
      message: /900 s behind .* set the clock right/,
    });
  });
});
