/** Rates between route and rules: whom they count, what is beyond them, and for how long. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Value } from 'typebox/value';
import { type Rate, rate } from '#config/rate-schema.ts';
import { CidrMap } from '#core/cidr-map.ts';
import { parseCidr } from '#core/ip.ts';
import { compileRates } from '#proxy/rates/compile-rates.ts';
import { type OverRate, RateGate } from '#proxy/rates/rate-gate.ts';
import { rateKey, sharedKey } from '#proxy/rates/rate-key.ts';
import { RateMetrics } from '#proxy/rates/rate-metrics.ts';
import { resolvedPath } from '#proxy/rates/rate-path.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import { FleetLimiter } from '#wasm/services/fleet-limiter.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { TokenBuckets } from '#wasm/services/token-buckets.ts';
import { viewOf } from '../../support/view.ts';

const rates = (...given: Record<string, unknown>[]) =>
  compileRates(given.map((one) => Value.Default(rate, { name: 'one', ...one }) as Rate));

const ranges = (...texts: string[]): CidrMap<true> => {
  const map = new CidrMap<true>(8);
  for (const text of texts) map.set(parseCidr(text) ?? assert.fail(text), true);
  return map;
};

type Field = readonly [string, string];
type Asked = {
  address?: string;
  path?: string;
  method?: string;
  ja4?: string;
  headers?: readonly Field[];
};

/** A gate with a clock of its own; requests are answered by the stop's kind, seconds behind it, or `pass`. */
class Bench {
  nowMs = 1_000_000_000;
  readonly registry = new MetricRegistry();
  readonly over: OverRate[] = [];
  isAdmitted = false;
  readonly gate: RateGate;
  readonly #rates: ReturnType<typeof rates>;
  readonly #route = { name: '* /', mode: 'block' } as const;

  constructor(...given: Record<string, unknown>[]) {
    this.#rates = rates(...given);
    const wallMs = () => this.nowMs;
    const store = new SharedStore({ writer: 0, wallMs, onEvicted: () => {}, outlet: null });
    this.gate = new RateGate(
      {
        limiter: new TokenBuckets([1, 2], { nowMs: wallMs }),
        fleetLimiter: new FleetLimiter(store, wallMs),
        values: (_scope, name) => store.of(name),
      },
      new RateMetrics(this.registry),
      wallMs,
    );
  }

  ask({ address = '192.0.2.1', path = '/', method = 'GET', ja4 = '', headers = [] }: Asked = {}) {
    const stop = this.gate.check(
      {
        rates: this.#rates,
        allowed: ranges('198.51.100.0/24', '2001:db8:a::/48'),
        unlimited: ranges('127.0.0.0/8', '::1'),
      },
      {
        view: viewOf({ method, target: path, headers }),
        facts: { ja4 },
        ...{ address, method, route: this.#route, path: null },
      },
      { isAdmitted: this.isAdmitted, overRate: (over) => this.over.push(over) },
    );
    if (stop === null) return 'pass';
    return stop.kind === 'limited' ? `limited ${stop.retryAfterSeconds}` : stop.kind;
  }

  asks(times: number, asked: Asked = {}): string[] {
    return Array.from({ length: times }, () => this.ask(asked));
  }
}

const two = { limit: 2, perSeconds: 60, burst: 2, penaltySeconds: 0 };

describe('a rate', () => {
  it('lets as many pass as its burst has, and says when there is one again', () => {
    const bench = new Bench(two);
    assert.deepEqual(bench.asks(3), ['pass', 'pass', 'limited 30']);
    bench.nowMs += 30_000;
    assert.deepEqual(bench.asks(2), ['pass', 'limited 30']);
  });

  it('keeps who went beyond it out for its penalty, whatever comes back meanwhile', () => {
    const bench = new Bench({ ...two, penaltySeconds: 300 });
    assert.deepEqual(bench.asks(4), ['pass', 'pass', 'limited 300', 'limited 300']);
    bench.nowMs += 299_000;
    assert.equal(bench.ask(), 'limited 1');
    bench.nowMs += 1_001;
    assert.equal(bench.ask(), 'pass');
  });

  it('has 300 seconds of penalty unless it says otherwise or is for everybody', () => {
    const [one, all, soft] = rates({}, { key: [] }, { mode: 'challenge' });
    assert.equal(one?.penaltySeconds, 300);
    assert.equal(all?.penaltySeconds, 0);
    assert.equal(soft?.penaltySeconds, 0);
    assert.equal(one?.capacity, 2_000);
    assert.equal(one?.periodSeconds, 2);
  });

  it('counts a fleet together as a sliding window', () => {
    const bench = new Bench({ ...two, scope: 'fleet' });
    assert.deepEqual(bench.asks(2), ['pass', 'pass']);
    assert.match(bench.ask(), /^limited/);
    bench.nowMs += 120_000;
    assert.equal(bench.ask(), 'pass');
  });

  it('of the worker alone is in buckets of its own', () => {
    const bench = new Bench({ ...two, scope: 'worker' });
    assert.deepEqual(bench.asks(3), ['pass', 'pass', 'limited 30']);
    bench.gate.measure();
    assert.equal(bench.registry.samples().get('weir_rates_buckets'), 1);
  });

  it('never holds for who is allowed or unlimited', () => {
    const bench = new Bench(two);
    for (const address of ['198.51.100.7', '2001:db8:a::1', '127.0.0.1', '::1'])
      assert.deepEqual(new Set(bench.asks(9, { address })), new Set(['pass']));
  });

  it('that only watches lets pass, and says so', () => {
    const bench = new Bench({ ...two, mode: 'monitor', name: 'look' });
    assert.deepEqual(bench.asks(3), ['pass', 'pass', 'pass']);
    assert.equal(bench.over.length, 1);
    assert.equal(bench.over[0]?.rule, 'rate/look');
    assert.equal(bench.over[0]?.mode, 'monitor');
    const counted = 'weir_rates_exceeded_total{rate="rate/look",result="monitored"}';
    assert.equal(bench.registry.samples().get(counted), 1);
  });

  it('that challenges does so until there is a pass', () => {
    const bench = new Bench({ ...two, mode: 'challenge' });
    assert.deepEqual(bench.asks(3), ['pass', 'pass', 'challenge']);
    bench.isAdmitted = true;
    assert.equal(bench.ask(), 'pass');
  });

  it('that has none left ends the request, and those behind it count nothing', () => {
    const bench = new Bench({ ...two, name: 'a' }, { ...two, name: 'b', limit: 3, burst: 3 });
    assert.deepEqual(bench.asks(3), ['pass', 'pass', 'limited 30']);
    assert.deepEqual(bench.asks(1, { address: '192.0.2.2' }), ['pass']);
    assert.equal(bench.over.at(-1)?.rule, 'rate/a');
  });
});

describe('what a rate holds for', () => {
  const cases: readonly (readonly [name: string, match: object, asked: Asked, holds: boolean])[] = [
    ['a path', { path: '/login' }, { path: '/login' }, true],
    ['a path below', { path: '/login' }, { path: '/login/x?a=1' }, true],
    ['another path', { path: '/login' }, { path: '/loginx' }, false],
    ['an escaped path', { path: '/login' }, { path: '/%6cogin' }, true],
    ['a climbing path', { path: '/login' }, { path: '/a/../login' }, true],
    ['an encoded slash', { path: '/a/login' }, { path: '/a%2Flogin' }, true],
    ['doubled slashes', { path: '/login' }, { path: '//login' }, true],
    ['a backslash', { path: '/login' }, { path: '/.\\login' }, true],
    ['a method', { methods: ['POST'] }, { method: 'POST' }, true],
    ['another method', { methods: ['POST'] }, { method: 'GET' }, false],
    ['a route', { route: '* /' }, {}, true],
    ['another route', { route: '* /api' }, {}, false],
  ];
  for (const [name, match, asked, holds] of cases)
    it(`${name}: ${holds}`, () => {
      const bench = new Bench({ ...two, match });
      assert.equal(bench.asks(3, asked).at(-1), holds ? 'limited 30' : 'pass');
    });
});

describe('a key', () => {
  const keyOf = (parts: readonly string[], { headers = [], ja4 = '', ...asked }: Asked) => {
    const { address = '192.0.2.1', path = '/', method = 'GET' } = asked;
    const view = viewOf({ method, target: path, headers });
    const [one] = rates({ key: parts });
    return rateKey(one?.key ?? [], {
      ...{ view, address, method, facts: { ja4 }, route: undefined, path: null },
    });
  };
  const cases: readonly (readonly [readonly string[], Asked, string | null])[] = [
    [['address'], {}, '192.0.2.1'],
    [['address'], { address: '2001:db8:0:1:2::3' }, '20010db8:1'],
    [['path'], { path: '/a/./b?c' }, '/a/b'],
    [['method'], { method: 'PUT' }, 'PUT'],
    [['ja4'], { ja4: 't13d' }, 't13d'],
    [['ja4'], {}, null],
    [['bearer'], { headers: [['Authorization', 'bearer  abc']] }, 'abc'],
    [['bearer'], { headers: [['Authorization', 'Basic abc']] }, null],
    [['header:X-Api-Key'], { headers: [['x-api-key', 'k1']] }, 'k1'],
    [['header:x-api-key'], {}, null],
    [['cookie:sid'], { headers: [['Cookie', 'a=1; sid=2; sid=3']] }, '2'],
    [['cookie:sid'], { headers: [['Cookie', 'xsid=1']] }, null],
    [['address', 'cookie:sid'], {}, '192.0.2.1\0\0'],
    [['path', 'cookie:sid'], {}, null],
    [[], {}, ''],
  ];
  for (const [parts, asked, key] of cases)
    it(`of ${parts.join(' and ') || 'nothing'} is ${JSON.stringify(key)}`, () => {
      const found = keyOf(parts, asked);
      if (parts[0] === 'address' && asked.address?.includes(':') === true)
        assert.equal(found, keyOf(parts, { address: '2001:db8:0:1::9' }));
      else assert.equal(found, key);
    });
});

it('a key that is a secret, or long, leaves the worker as a digest', () => {
  const shared = (parts: readonly string[], key: string) =>
    sharedKey(rates({ key: parts })[0]?.key ?? [], key);
  assert.equal(shared(['address'], '192.0.2.1'), '192.0.2.1');
  for (const [parts, key] of [
    [['bearer'], 'my secret'],
    [['address', 'cookie:sid'], '192.0.2.1\0my secret\0'],
    [['path'], `/${'a'.repeat(8_000)}`],
  ] as const) {
    assert.match(shared(parts, key), /^[\w-]{22}$/);
    assert.equal(shared(parts, key), shared(parts, key));
    assert.notEqual(shared(parts, key), shared(parts, `${key}x`));
  }
});

it('a path is read as the most lenient origin would', () => {
  const view = (target: string) => viewOf({ target });
  assert.equal(resolvedPath(view('/a/%2e%2e/%2e/b//c/')), '/b/c/');
  assert.equal(resolvedPath(view('/../../..')), '/');
});

it('a route that gets many times what is usual is challenged for a while', () => {
  const bench = new Bench();
  assert.equal(bench.ask(), 'pass');
  bench.gate.surges = new Map([['* /', bench.nowMs + 300_000]]);
  assert.equal(bench.ask(), 'challenge');
  assert.equal(bench.ask({ address: '198.51.100.7' }), 'pass');
  bench.isAdmitted = true;
  assert.equal(bench.ask(), 'pass');
  bench.isAdmitted = false;
  bench.nowMs += 300_001;
  assert.equal(bench.ask(), 'pass');
});
