/** Failed logins, by address and by user, by a clock of the test. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Value } from 'typebox/value';
import { type BehaviourSettings, behaviour } from '#config/behaviour-schema.ts';
import { LoginFilter } from '#proxy/logins/login-filter.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import { ResponseView } from '#waf/response-view.ts';
import { Transaction } from '#waf/transaction.ts';
import { FleetLimiter } from '#wasm/services/fleet-limiter.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { TokenBuckets } from '#wasm/services/token-buckets.ts';
import { viewOf } from '../../support/view.ts';

type Attempt = {
  readonly from?: string;
  readonly user?: string;
  readonly status?: number;
  readonly location?: string;
  readonly target?: string;
  /** Of a challenge. */
  readonly hasPass?: boolean;
};

class Site {
  nowMs = 1_000_000_000;
  readonly held: string[] = [];
  readonly registry = new MetricRegistry();
  readonly #filter: LoginFilter;

  constructor(login: Record<string, unknown>, top: Record<string, unknown> = {}) {
    const given = { ...top, logins: [{ path: '/login', perAddress: 3, perUser: 0, ...login }] };
    const wallMs = () => this.nowMs;
    const store = new SharedStore({ writer: 0, wallMs, onEvicted: () => {}, outlet: null });
    this.#filter = new LoginFilter({
      settings: Value.Default(behaviour, given) as BehaviourSettings,
      stores: {
        limiter: new TokenBuckets([1, 2], { nowMs: wallMs }),
        fleetLimiter: new FleetLimiter(store, wallMs),
        values: (_scope, name) => store.of(name),
      },
      registry: this.registry,
      isExempt: (address) => address === '203.0.113.1',
      onHeld: (address, seconds) => this.held.push(`${address} ${seconds}`),
      nowMs: wallMs,
    });
  }

  /** What stopped it, or the origin's status. */
  attempt({ from = '192.0.2.1', user = 'anna', status = 401, ...rest }: Attempt = {}) {
    const { target = '/login', location, hasPass = false } = rest;
    const transaction = new Transaction(
      viewOf({ method: 'POST', target }),
      { clientAddress: from, tls: false },
      ...(['id', '* /', 'app', false] as const),
    );
    const run = this.#filter.begin(transaction);
    const bytes = Buffer.from(`username=${user}&password=x`);
    const window = { bytes, overlap: 0, position: 0, isFirst: true, isLast: true, isWhole: true };
    for (const ask of [() => run.requestHead(false), () => run.requestBody(window)]) {
      const stop = ask();
      if (stop === null || stop === 'wait' || (hasPass && stop.kind === 'challenge')) continue;
      run.end();
      return stop.kind === 'limited' ? `limited ${stop.retryAfterSeconds}` : stop.kind;
    }
    const response = new ResponseView(2);
    response.status = status;
    if (location !== undefined) {
      response.bytes = Buffer.from(`Location${location}`);
      response.headers.set([0, 8, 8, 8 + location.length]);
      response.headerCount = 1;
    }
    transaction.response = response;
    run.responseHead(false);
    run.end();
    return String(status);
  }

  attempts(times: number, attempt: Attempt = {}): (string | null)[] {
    return Array.from({ length: times }, () => this.attempt(attempt));
  }
}

describe('an address whose logins fail', () => {
  it('is challenged after more than it may have, until its time is over', () => {
    const site = new Site({});
    assert.deepEqual(site.attempts(5), ['401', '401', '401', '401', 'challenge']);
    assert.equal(site.attempt({ from: '192.0.2.2' }), '401');
    site.nowMs += 900_001;
    assert.equal(site.attempt({ status: 200 }), '200');
    assert.deepEqual(site.held, []);
  });

  it('is one /64 where it has IPv6', () => {
    const site = new Site({});
    for (let i = 0; i < 4; i++) site.attempt({ from: `2001:db8::${i}` });
    assert.equal(site.attempt({ from: '2001:db8::ffff' }), 'challenge');
    assert.equal(site.attempt({ from: '2001:db8:0:1::1' }), '401');
  });

  it('is to be blocked where the login says so', () => {
    const site = new Site({ action: 'block', holdSeconds: 60 });
    site.attempts(4);
    assert.deepEqual(site.held, ['192.0.2.1 60']);
    assert.equal(site.attempt(), 'limited 60');
  });

  it('is left alone where its logins succeed, where it is exempt, and in mode monitor', () => {
    assert.deepEqual(new Set(new Site({}).attempts(9, { status: 200 })), new Set(['200']));
    assert.deepEqual(new Set(new Site({}).attempts(9, { from: '203.0.113.1' })), new Set(['401']));
    const watched = new Site({}, { mode: 'monitor' });
    assert.deepEqual(new Set(watched.attempts(9)), new Set(['401']));
    const held = 'weir_behaviour_logins_total{result="held"}';
    assert.equal(watched.registry.samples().get(held), 5);
  });

  it('is counted as challenged, or as passed where it brings a pass', () => {
    const site = new Site({});
    assert.deepEqual(site.attempts(6).slice(4), ['challenge', 'challenge']);
    assert.equal(site.attempt({ hasPass: true, status: 200 }), '200');
    const count = (result: string): number | undefined =>
      site.registry.samples().get(`weir_behaviour_logins_total{result="${result}"}`);
    assert.equal(count('challenged'), 2);
    assert.equal(count('passed'), 1);
  });

  it('is counted by the redirect that says no', () => {
    const site = new Site({ failedLocation: '/login?error' });
    const no = { status: 302, location: '/login?error=1' };
    assert.deepEqual(site.attempts(9, { status: 302, location: '/home' }).at(-1), '302');
    assert.deepEqual(site.attempts(5, no).at(-1), 'challenge');
  });

  it('is not counted on other paths, and is however its own is spelled', () => {
    const site = new Site({});
    assert.equal(site.attempts(9, { target: '/loginx' }).at(-1), '401');
    assert.equal(site.attempts(9, { target: '//%6cogin/' }).at(-1), 'challenge');
  });
});

describe('a user whose logins fail', () => {
  const perUser = { perAddress: 0, perUser: 3 };

  it('is challenged wherever they come from, in any spelling', () => {
    const site = new Site(perUser);
    for (let i = 0; i < 4; i++) assert.equal(site.attempt({ from: `192.0.2.${i}` }), '401');
    assert.equal(site.attempt({ from: '192.0.2.99', user: 'ANNA' }), 'challenge');
    assert.equal(site.attempt({ from: '192.0.2.99', user: 'berta' }), '401');
  });

  it('gets 429 where the login says block, and no address is blocked for it', () => {
    const site = new Site({ ...perUser, action: 'block', holdSeconds: 60 });
    site.attempts(4);
    assert.equal(site.attempt({ from: '192.0.2.99' }), 'limited 60');
    assert.deepEqual(site.held, []);
  });
});
