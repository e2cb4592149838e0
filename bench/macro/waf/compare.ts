/**
 * Do rules cost less in one checkout than in another? Both in turns, beside nginx without rules.
 *
 *     node bench/macro/waf/compare.ts before=/path/of/a/checkout after=. [--only 'bare GET'] [--own] [--rounds 12] [--seconds 1]
 *
 * `--own`: requests in turn that differ in what is a client's own. The order turns round from one round to the next, and
 * CPU of nginx is the measure of the others round by round, so that a microsecond is seen on a machine that has other work too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type BenchRequest, benchRequests, withOwnValues } from '#toolchain/bench-requests.ts';
import { cpuNs, endAll } from '../../support/processes.ts';
import { median } from '../../support/statistics.ts';
import { type Candidate, startBackend, startEdge, startNginx } from './candidates.ts';
import { runLoad } from './load.ts';

type Checkout = {
  readonly candidates: typeof import('./candidates.ts');
  readonly processes: typeof import('../../support/processes.ts');
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: 'bare GET,browser-like GET' },
    own: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '1' },
    crs: { type: 'string', default: join(import.meta.dirname, '../../../../shared/crs') },
  },
});
const ends = [endAll];
const folder = mkdtempSync(join(tmpdir(), 'weir-compare-waf-'));
process.on('exit', () => {
  for (const end of ends) end();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const backendPort = await startBackend(folder);
const candidates = [
  await startNginx(folder, 'nginx, no rules', backendPort, null),
  await startEdge(folder, 'weir, no rules', backendPort, null),
];
for (const given of positionals) candidates.push(await startCheckout(given));
for (const name of values.only.split(',')) await compare(requestsOf(name));
process.exit(0);

/** Each is started by its own checkout: its configuration and its engine are what it knows. */
async function startCheckout(given: string): Promise<Candidate> {
  const [name = '', path = ''] = given.split('=');
  const bench = resolve(path, 'bench');
  const checkout: Checkout = {
    candidates: await import(`${bench}/macro/waf/candidates.ts`),
    processes: await import(`${bench}/support/processes.ts`),
  };
  ends.push(checkout.processes.endAll);
  const rule = `{ seclang: [${resolve(values.crs)}], paranoia: 1 }`;
  return checkout.candidates.startEdge(folder, name, backendPort, rule);
}

function requestsOf(name: string): readonly [BenchRequest, ...BenchRequest[]] {
  const one = benchRequests.find((request) => request.name === name);
  if (one === undefined)
    throw new Error(`--only takes ${benchRequests.map(({ name }) => name).join(', ')}`);
  const others = Array.from({ length: one.body === null ? 4_000 : 600 }, (_, number) =>
    withOwnValues(one, number),
  );
  return values.own ? [one, ...others] : [one];
}

async function compare(requests: readonly [BenchRequest, ...BenchRequest[]]): Promise<void> {
  const rows = new Map<Candidate, number[]>(candidates.map((candidate) => [candidate, []]));
  // Round 0 warms up: compilers, connections, caches.
  for (let round = 0; round <= Number(values.rounds); round++)
    for (const candidate of round % 2 === 0 ? candidates : candidates.toReversed()) {
      const pids = candidate.pids();
      const before = cpuNs(pids);
      const seconds = round === 0 ? 3 : Number(values.seconds);
      const load = await runLoad(folder, candidate.port, requests, seconds);
      if (load.failed > 0) throw new Error(`${candidate.name}: ${load.failed} requests failed`);
      if (round > 0) rows.get(candidate)?.push((cpuNs(pids) - before) / 1_000 / load.requests);
    }
  console.log(
    `${requests[0].name}${values.own ? ', values of its own' : ''}\nCPU µs a request: median, lower quarter, least`,
  );
  const [first = [], bare = []] = rows.values();
  for (const [{ name }, own] of rows) {
    const sorted = own.toSorted((a, b) => a - b);
    const figures = [
      median(sorted),
      sorted[Math.floor(sorted.length / 4)] ?? Number.NaN,
      sorted[0] ?? Number.NaN,
    ];
    const ratio = median(own.map((us, i) => us / (first[i] ?? Number.NaN)));
    const added = median(own.map((us, i) => us - (bare[i] ?? Number.NaN)));
    console.log(
      `${name.padEnd(16)} ${figures.map((us) => us.toFixed(1)).join(' ')}  ${ratio.toFixed(3)} of nginx  adds ${added.toFixed(1)}`,
    );
  }
}
