/**
 * Is one checkout of the edge cheaper than another? Both in turns, beside nginx and node:tls alone.
 *
 *     node bench/macro/proxy/compare.ts before=/path/of/a/checkout after=. [--only handshakes] [--rounds 18] [--seconds 1]
 *
 * The order turns round from one round to the next, and CPU of nginx is the measure of the others round by
 * round, so that a change of a few per cent is seen on a machine that has other work too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuNs, endAll } from '../../support/processes.ts';
import { median } from '../../support/statistics.ts';
import {
  type Candidate,
  makeCertificate,
  startBackend,
  startBareTls,
  startNginx,
} from './candidates.ts';
import { type Workload, workloads } from './workloads.ts';

type Checkout = {
  readonly candidates: typeof import('./candidates.ts');
  readonly processes: typeof import('../../support/processes.ts');
};
type Row = { readonly cpuUs: number; readonly p99Ms: number };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: 'handshakes' },
    rounds: { type: 'string', default: '18' },
    seconds: { type: 'string', default: '1' },
  },
});
const seconds = Number(values.seconds);
const ends = [endAll];
const folder = mkdtempSync(join(tmpdir(), 'weir-compare-'));
process.on('exit', () => {
  for (const end of ends) end();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

await makeCertificate(folder);
const backend = await startBackend(folder);
const candidates = [await startNginx(folder, backend.plainPort)];
for (const given of positionals) candidates.push(await startCheckout(given));
candidates.push(await startBareTls(folder));
for (const workload of workloads.filter(({ name }) => values.only.split(',').includes(name)))
  await compare(workload);
process.exit(0);

/** Each is started by its own checkout: its configuration is what it knows. */
async function startCheckout(given: string): Promise<Candidate> {
  const [name = '', path = ''] = given.split('=');
  const bench = resolve(path, 'bench');
  const checkout: Checkout = {
    candidates: await import(`${bench}/macro/proxy/candidates.ts`),
    processes: await import(`${bench}/support/processes.ts`),
  };
  ends.push(checkout.processes.endAll);
  return checkout.candidates.startEdge(folder, backend.plainPort, name, []);
}

async function compare(workload: Workload): Promise<void> {
  const rows = new Map<Candidate, Row[]>(candidates.map((candidate) => [candidate, []]));
  // Round 0 warms up: compilers, connections, caches.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const candidate of round % 2 === 0 ? candidates : candidates.toReversed()) {
      const port = workload.scheme === 'http' ? candidate.plainPort : candidate.tlsPort;
      const isBare = candidate.name === 'node:tls alone';
      if (port === null || (isBare && !workload.name.startsWith('handshakes'))) continue;
      const row = await measure(workload, candidate, port, round === 0 ? 3 : seconds);
      if (round > 0) rows.get(candidate)?.push(row);
    }
  }
  const [first = []] = rows.values();
  console.log(`${workload.title}\nCPU µs each: median, lower quarter, least; p99 ms: median`);
  for (const [{ name }, own] of rows) {
    if (own.length === 0) continue;
    const sorted = own.map(({ cpuUs }) => cpuUs).toSorted((a, b) => a - b);
    const quarter = sorted[Math.floor(sorted.length / 4)] ?? Number.NaN;
    const ratio = median(own.map(({ cpuUs }, i) => cpuUs / (first[i]?.cpuUs ?? Number.NaN)));
    const figures = [median(sorted), quarter, sorted[0] ?? Number.NaN];
    console.log(
      `${name.padEnd(16)} ${figures.map((us) => us.toFixed(1)).join(' ')}  ${ratio.toFixed(3)} of nginx  ${median(own.map(({ p99Ms }) => p99Ms)).toFixed(2)}`,
    );
  }
}

async function measure(
  workload: Workload,
  candidate: Candidate,
  port: number,
  duration: number,
): Promise<Row> {
  const pids = candidate.pids();
  const before = cpuNs(pids);
  const load = await workload.run(folder, `${workload.scheme}://127.0.0.1:${port}`, duration);
  if (load.bad > 0)
    throw new Error(`${candidate.name}: ${load.bad} answers were not 2xx or broke off`);
  return { cpuUs: (cpuNs(pids) - before) / 1_000 / load.requests, p99Ms: load.p99Ms };
}
