/**
 * What does the stage of rates cost a request, by how many rates there are and whom they count?
 *
 *     node bench/micro/rates.ts
 *
 * The gate is the worker's own, with buckets that tell nobody. Each row first proves that its rate holds: with a limit
 * of one, the second request is refused. Baseline: the same request with no rate.
 */
import { Value } from 'typebox/value';
import { type Rate, rate } from '../../src/config/rate-schema.ts';
import { CidrMap } from '../../src/core/cidr-map.ts';
import { compileRates } from '../../src/proxy/rates/compile-rates.ts';
import { RateGate } from '../../src/proxy/rates/rate-gate.ts';
import { RateMetrics } from '../../src/proxy/rates/rate-metrics.ts';
import { loneStores } from '../../src/proxy/rates/rate-stores.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { viewOf } from '../../test/support/view.ts';

const requests = 200_000;
const rounds = 7;
const clients = 1_000;

const view = viewOf({
  target: '/api/orders?page=2',
  headers: [
    ['Host', 'shop.example'],
    ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)'],
    ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9'],
    ['Cookie', 'theme=dark; sid=0123456789abcdef0123456789abcdef; lang=en'],
    ['Authorization', 'Bearer 0123456789abcdef0123456789abcdef'],
  ],
});
const route = { name: '* /', mode: 'block' } as const;
const owner = { isAdmitted: false, overRate: () => {} };
const none = new CidrMap<true>(1);

const rows: readonly (readonly [string, readonly Record<string, unknown>[]])[] = [
  ['none', []],
  ['one of another path', [{ match: { path: /* no request's */ '/login' } }]],
  ['one, address', [{}]],
  ['one, address, no penalty', [{ penaltySeconds: 0 }]],
  ['one, everybody', [{ key: [] }]],
  ['one, address and path', [{ key: ['address', 'path'] }]],
  ['one, cookie', [{ key: ['cookie:sid'] }]],
  ['one, bearer', [{ key: ['bearer'] }]],
  [
    'five: address, path, cookie, bearer, everybody',
    [{}, { key: ['path'] }, { key: ['cookie:sid'] }, { key: ['bearer'] }, { key: [] }],
  ],
];

const addresses = Array.from({ length: clients }, (_, i) => `198.51.${i >> 8}.${i & 255}`);

function gateOf(given: readonly Record<string, unknown>[], limit: number) {
  const rates = compileRates(
    given.map(
      (one, i) => Value.Default(rate, { name: `r${i}`, limit, burst: limit, ...one }) as Rate,
    ),
  );
  const gate = new RateGate(loneStores(), new RateMetrics(new MetricRegistry()));
  const snapshot = { rates, allowed: none, unlimited: none };
  return (address: string) => {
    const request = { view, address, facts: { ja4: '' }, method: 'GET', route, path: null };
    return gate.check(snapshot, request, owner);
  };
}

process.stdout.write(
  `µs a request, fastest of ${rounds} rounds of ${requests}, ${clients} clients\n`,
);
for (const [name, given] of rows) {
  const strict = gateOf(given, 1);
  strict('192.0.2.1');
  const isRefused = strict('192.0.2.1') !== null;
  if (isRefused !== !name.startsWith('none') && !name.includes('another')) throw new Error(name);
  const check = gateOf(given, 1_000_000_000);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = performance.now();
    for (let i = 0; i < requests; i++)
      if (check(addresses[i % clients] as string) !== null) throw new Error('refused');
    best = Math.min(best, performance.now() - before);
  }
  process.stdout.write(`  ${((best / requests) * 1_000).toFixed(2).padStart(6)}  ${name}\n`);
}
