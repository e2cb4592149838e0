/** Breaker, checks, slow start and retry budget, each with a clock of the test's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CircuitBreaker } from '#proxy/upstream/circuit-breaker.ts';
import { RetryBudget } from '#proxy/upstream/retry-budget.ts';
import { ServerHealth } from '#proxy/upstream/server-health.ts';
import { SlidingCount } from '#proxy/upstream/sliding-count.ts';

const settings = {
  failures: 5,
  sharePercent: 0,
  shareRequestsMin: 20,
  openMs: 60_000,
  trials: 3,
};

/** `+` succeeds, `-` fails, `.` says nothing; each begins and ends at once. */
function run(breaker: CircuitBreaker, what: string, now: number): void {
  for (const one of what) {
    const token = breaker.begin(now);
    if (one === '+') breaker.succeeded(token, now);
    else if (one === '-') breaker.failed(token, now);
    else breaker.abandoned(token);
  }
}

describe('the breaker', () => {
  for (const [what, state] of [
    ['----', 'closed'],
    ['-----', 'open'],
    ['----+----', 'closed'],
    ['----.-', 'open'],
  ] as const) {
    it(`after ${what} is ${state}`, () => {
      const breaker = new CircuitBreaker(settings);
      run(breaker, what, 0);
      assert.equal(breaker.state, state);
    });
  }

  it('stays open for 60 seconds, then lets 3 through and no more at a time', () => {
    const breaker = new CircuitBreaker(settings);
    run(breaker, '-----', 1_000);
    assert.equal(breaker.permits(60_999), false);
    assert.equal(breaker.nextTrialAt(1_000), 61_000);
    assert.equal(breaker.permits(61_000), true);
    const tokens = [1, 2, 3].map(() => breaker.begin(61_000));
    assert.equal(breaker.state, 'half-open');
    assert.equal(breaker.permits(61_000), false);
    for (const token of tokens) breaker.succeeded(token, 61_100);
    assert.equal(breaker.state, 'closed');
  });

  it('opens again when one trial fails, for the whole time', () => {
    const breaker = new CircuitBreaker(settings);
    run(breaker, '-----', 0);
    run(breaker, '++-', 60_000);
    assert.equal(breaker.permits(119_999), false);
    assert.equal(breaker.permits(120_000), true);
  });

  it('a trial that says nothing gives its place back', () => {
    const breaker = new CircuitBreaker(settings);
    run(breaker, '-----', 0);
    run(breaker, '.....+', 60_000);
    assert.equal(breaker.state, 'half-open');
    run(breaker, '++', 60_000);
    assert.equal(breaker.state, 'closed');
  });

  it('does not believe requests of an earlier time', () => {
    const breaker = new CircuitBreaker(settings);
    const old = breaker.begin(0);
    run(breaker, '-----', 0);
    breaker.begin(60_000);
    breaker.failed(old, 60_001);
    breaker.succeeded(old, 60_001);
    assert.equal(breaker.state, 'half-open');
    run(breaker, '++', 60_002);
    assert.equal(breaker.state, 'half-open', 'the first trial still runs');
  });

  for (const [what, state] of [
    ['+-'.repeat(9), 'closed'],
    ['+-'.repeat(10), 'open'],
    ['++-'.repeat(10), 'closed'],
  ] as const) {
    it(`with a share of 50 % of at least 20 is ${state} after ${what}`, () => {
      const breaker = new CircuitBreaker({ ...settings, failures: 0, sharePercent: 50 });
      run(breaker, what, 5_000);
      assert.equal(breaker.state, state);
    });
  }

  it('forgets what is older than ten seconds in the share', () => {
    const breaker = new CircuitBreaker({ ...settings, failures: 0, sharePercent: 50 });
    run(breaker, '-'.repeat(19), 1_000);
    run(breaker, '-', 11_000);
    assert.equal(breaker.state, 'closed');
  });
});

describe('checks', () => {
  const make = (slowStartMs = 0) => {
    const said: string[] = [];
    const health = new ServerHealth(
      { breaker: settings, checks: { healthyAfter: 2, unhealthyAfter: 3 }, slowStartMs },
      (state, reason) => said.push(`${state}: ${reason}`),
    );
    return { health, said };
  };

  it('take a server out after three bad ones in a row, and back after two good ones', () => {
    const { health, said } = make();
    for (const bad of ['x', 'x', '', 'x', 'x']) health.checked(bad, 0, 100);
    assert.equal(health.isUsable(0), true);
    health.checked('check: status 500', 0, 100);
    assert.equal(health.isUsable(0), false);
    assert.equal(health.nextTrialAt(0), 200, 'two good checks away');
    health.checked('', 100, 200);
    assert.equal(health.isUsable(100), false);
    assert.equal(health.nextTrialAt(100), 200);
    health.checked('', 200, 300);
    assert.equal(health.isUsable(200), true);
    assert.deepEqual(said, ['unhealthy: check: status 500', 'healthy: checks succeed']);
  });

  it('and the weight of one that is back rises to the whole', () => {
    const { health } = make(1_000);
    assert.equal(health.share(0), 1, 'at start there is nothing to be slow after');
    for (let i = 0; i < 3; i++) health.checked('x', 0, 1);
    for (let i = 0; i < 2; i++) health.checked('', 5_000, 5_001);
    assert.equal(health.state(5_000), 'starting');
    assert.equal(health.share(5_000), 0.1);
    assert.equal(health.share(5_500), 0.5);
    assert.equal(health.share(6_000), 1);
    assert.equal(health.state(6_000), 'healthy');
  });

  it('a breaker that closes begins slowly too, and every change is said once', () => {
    const { health, said } = make(1_000);
    for (let i = 0; i < 5; i++) health.failed(health.begin(0), 0, 'refused');
    for (let i = 0; i < 3; i++) health.succeeded(health.begin(60_000), 60_000);
    assert.equal(health.share(60_250), 0.25);
    assert.deepEqual(said, [
      'open: refused',
      'trial: let through on trial',
      'starting: every trial succeeded',
    ]);
  });
});

describe('the retry budget', () => {
  it('allows the minimum, then a share of the requests', () => {
    const budget = new RetryBudget({ budgetPercent: 20, budgetMin: 2 });
    assert.deepEqual(
      [1, 2, 3].map(() => budget.take(0)),
      [true, true, false],
    );
    for (let i = 0; i < 15; i++) budget.onRequest(500);
    assert.deepEqual(
      [1, 2].map(() => budget.take(900)),
      [true, false],
    );
  });

  it('forgets what is older than ten seconds', () => {
    const budget = new RetryBudget({ budgetPercent: 0, budgetMin: 1 });
    assert.equal(budget.take(0), true);
    assert.equal(budget.take(9_999), false);
    assert.equal(budget.take(10_000), true);
  });

  it('of nothing allows nothing', () => {
    const budget = new RetryBudget({ budgetPercent: 0, budgetMin: 0 });
    for (let i = 0; i < 100; i++) budget.onRequest(0);
    assert.equal(budget.take(0), false);
  });
});

it('a sliding count is the number of events of the last ten whole seconds', () => {
  const count = new SlidingCount();
  for (const at of [0, 999, 1_000, 9_999]) count.add(at);
  assert.equal(count.total(9_999), 4);
  assert.equal(count.total(10_000), 2);
  assert.equal(count.total(11_000), 1);
  assert.equal(count.total(1_000_000), 0);
});
