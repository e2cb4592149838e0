/** What follows from what addresses and routes do, by a clock of the test. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Value } from 'typebox/value';
import { type AddressTally, Behaviour } from '#behaviour/behaviour.ts';
import { type BehaviourSettings, behaviour } from '#config/behaviour-schema.ts';

const settings = (change: Record<string, unknown> = {}): BehaviourSettings =>
  Value.Default(behaviour, structuredClone(change)) as BehaviourSettings;
const made = (change: Record<string, unknown> = {}): Behaviour =>
  new Behaviour(settings(change), null, 1_024);
const tally = (change: Partial<AddressTally>): AddressTally[] => [
  { address: '192.0.2.1', requests: 1, errors: 0, violations: 0, ...change },
];

describe('an address is blocked', () => {
  const cases = [
    ['for 20 violations', { violations: 20 }, 'violations', 3_600],
    ['for 50 errors in a minute', { requests: 50, errors: 50 }, 'errors', 300],
    ['for 1,000 requests in a minute', { requests: 1_000 }, 'requests', 300],
  ] as const;
  for (const [name, change, why, seconds] of cases)
    it(name, () => {
      const [order, ...more] = made().take(tally(change), 0);
      assert.deepEqual(more, []);
      assert.equal(order?.target, '192.0.2.1');
      assert.equal(order?.why, why);
      assert.equal(order?.seconds, seconds);
    });

  for (const change of [{ violations: 19 }, { errors: 49 }, { requests: 999 }])
    it(`not for ${JSON.stringify(change)}`, () =>
      assert.deepEqual(made().take(tally(change), 0), []));

  it('not for errors that came over more than a minute', () => {
    const one = made();
    for (let second = 0; second < 600; second++)
      assert.deepEqual(one.take(tally({ errors: second % 2 === 0 ? 1 : 0 }), second * 1_000), []);
  });

  it('with its /64 where it has IPv6', () => {
    const [order] = made().take(tally({ address: '2001:db8:1:2:3::4', violations: 20 }), 0);
    assert.equal(order?.target, '2001:db8:1:2::/64');
  });

  it('never where its count is 0', () => {
    const off = made({ violations: { count: 0 }, errors: { count: 0 }, requests: { count: 0 } });
    const all = { violations: 100_000, errors: 100_000, requests: 100_000 };
    assert.deepEqual(off.take(tally(all), 0), []);
  });

  it('once, and not again while it is', () => {
    const one = made();
    assert.equal(one.take(tally({ requests: 1_000 }), 0).length, 1);
    for (let second = 1; second < 300; second++)
      assert.deepEqual(one.take(tally({ requests: 1_000 }), second * 1_000), []);
    assert.equal(one.take(tally({ requests: 1_000 }), 300_001).length, 1);
  });

  it('each time twice as long for violations, up to a day, and from the beginning after a quiet day', () => {
    const one = made();
    const lasted: number[] = [];
    let now = 0;
    for (let time = 0; time < 7; time++) {
      const [order] = one.take(tally({ violations: 20 }), now);
      lasted.push(order?.seconds ?? 0);
      now += (order?.seconds ?? 0) * 1_000 + 1;
    }
    assert.deepEqual(lasted, [3_600, 7_200, 14_400, 28_800, 57_600, 86_400, 86_400]);
    const [later] = one.take(tally({ violations: 20 }), now + 86_400_001);
    assert.equal(later?.seconds, 3_600);
  });

  it('for as long as it was told where its logins fail, and once', () => {
    const one = made();
    assert.equal(one.failedLogins('192.0.2.9', 900, 0)?.seconds, 900);
    assert.equal(one.failedLogins('192.0.2.9', 900, 899_999), null);
    assert.equal(one.failedLogins('192.0.2.9', 900, 900_001)?.why, 'logins');
  });
});

/** An hour with so many requests a minute. */
function learned(one: Behaviour, perMinute: number): number {
  let now = 0;
  for (let second = 0; second <= 3_600; second += 10, now = second * 1_000)
    one.takeRoutes([{ route: '* /', requests: perMinute / 6 }], now);
  return now;
}

describe('a route', () => {
  it('is challenged for five minutes at more than three times what an hour has shown', () => {
    const one = made();
    const now = learned(one, 600);
    assert.deepEqual(one.takeRoutes([{ route: '* /', requests: 1_600 }], now), []);
    assert.deepEqual(one.takeRoutes([{ route: '* /', requests: 200 }], now), ['* /']);
    assert.deepEqual(one.challenged(now), [{ route: '* /', untilMs: now + 300_000 }]);
    assert.deepEqual(one.takeRoutes([{ route: '* /', requests: 9_999 }], now + 1), []);
    assert.deepEqual(one.challenged(now + 300_001), []);
  });

  it('is not before the hour is over', () => {
    const one = made();
    for (let second = 0; second < 3_500; second += 10)
      assert.deepEqual(
        one.takeRoutes([{ route: '* /', requests: second === 3_400 ? 90_000 : 1 }], second * 1_000),
        [],
      );
  });

  it('is not under requestsMin, whatever it learned', () => {
    const one = made();
    const now = learned(one, 6);
    assert.deepEqual(one.takeRoutes([{ route: '* /', requests: 590 }], now), []);
  });

  it('does not learn the attack', () => {
    const one = made();
    const now = learned(one, 600);
    one.takeRoutes([{ route: '* /', requests: 5_000 }], now);
    for (let second = 1; second < 295; second++)
      one.takeRoutes([{ route: '* /', requests: 100 }], now + second * 1_000);
    const [{ usual } = assert.fail()] = one.learned();
    assert.ok(usual !== null && usual < 700, `${usual}`);
  });

  it('knows after a restart what it had learned, and who was blocked', () => {
    const before = made();
    const now = learned(before, 600);
    before.take(tally({ violations: 20 }), now);
    const kept = JSON.parse(JSON.stringify(before.state(now)));
    const after = new Behaviour(settings(), kept, 1_024);
    assert.deepEqual(after.takeRoutes([{ route: '* /', requests: 2_000 }], now + 60_000), ['* /']);
    const [again] = after.take(tally({ violations: 20 }), now + 3_700_000);
    assert.equal(again?.seconds, 7_200);
  });
});
