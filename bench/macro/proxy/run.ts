/**
 * What does the edge cost beside nginx, on one core: keep-alive GETs plain, over TLS and over HTTP/2, POSTs of
 * 1 KB and 10 KB, new TLS handshakes; and what do two rule modules add?
 *
 *     node bench/macro/proxy/run.ts [--rounds 5] [--seconds 4] [--name NAME] [--only get,get-h2] [--profile]
 *
 * Candidates take turns, so drift of the machine falls on all of them; ratios are taken within a round and
 * their median is quoted. The proxy has core 0, load and backend share core 1. Rounds with answers that
 * are not 2xx are an error, not a figure. The page in results/ is that of a full run; what `--only` measures
 * is printed, and kept where it has a `--name` of its own. `--profile` runs the edge alone, under V8's CPU
 * profiler, and keeps where its time went in results/proxy-profile.md instead of the figures.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  cpuNs,
  endAll,
  freePort,
  hasCommand,
  memoryMb,
  versionOf,
} from '../../support/processes.ts';
import { median, spread } from '../../support/statistics.ts';
import {
  type Candidate,
  makeCertificate,
  startBackend,
  startBareTls,
  startEdge,
  startNginx,
} from './candidates.ts';
import { WorkerProfiler, writeProfilePage } from './profile.ts';
import { missingFor, type Workload, workloads } from './workloads.ts';

type Row = {
  readonly workload: string;
  readonly candidate: string;
  readonly round: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUs: number;
  readonly memoryMb: number;
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    name: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
/** Empty where a part of the workloads would take the place of all of them. */
const pageName = values.name || (values.only === '' ? 'proxy' : '');

if (!hasCommand('nginx')) {
  process.stderr.write(
    'nginx is not installed: it is the backend and the peer of this bench (Debian: apt-get install nginx-light wrk)\n',
  );
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
process.on('exit', () => {
  endAll();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const bare = 'weir, no rules';
const ruled = 'weir, 2 modules';
const bareTls = 'node:tls alone';
await makeCertificate(folder);
const backend = await startBackend(folder);
const inspectPort = await freePort();
const profiling = { NODE_OPTIONS: `--inspect-port=${inspectPort}` };
const edge = await startEdge(folder, backend.plainPort, bare, [], values.profile ? profiling : {});
// The last process of the tree is its one worker.
const profiler = values.profile
  ? await WorkerProfiler.attach(edge.pids().at(-1) ?? -1, inspectPort)
  : null;
const candidates: Candidate[] = values.profile
  ? [edge]
  : [
      backend,
      await startNginx(folder, backend.plainPort),
      edge,
      await startEdge(folder, backend.plainPort, ruled, ['bad-bot', 'path-traversal']),
      await startBareTls(folder),
    ];
const chosen = workloads.filter(
  ({ name }) => values.only === '' || values.only.split(',').includes(name),
);
const asked = chosen.filter((workload) => missingFor(workload) === null);
const left = chosen.filter((workload) => missingFor(workload) !== null);
const results = new URL('../../results/', import.meta.url).pathname;
mkdirSync(results, { recursive: true });
const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}, ${versionOf('nginx', '-v')}`;
const command = `node bench/macro/proxy/run.ts --rounds ${rounds} --seconds ${seconds}${values.only === '' ? '' : ` --only ${values.only}`}${values.profile ? ' --profile' : ''}`;

const rows: Row[] = [];
for (const workload of asked) {
  for (let round = 0; round <= Math.min(rounds, workload.roundsMax); round++) {
    for (const candidate of candidates) {
      const port = workload.scheme === 'http' ? candidate.plainPort : candidate.tlsPort;
      if (port === null || (candidate.name === bareTls && !isHandshakes(workload))) continue;
      // Round 0 warms up: compilers, connections, caches.
      const duration = round === 0 ? Math.max(2, seconds) : seconds;
      const row = await measure(workload, candidate, port, round, duration);
      if (round > 0) rows.push(row);
    }
  }
}
if (values.profile) await keepProfile();
else report();
// This process lasts as long as those it started.
endAll();

function isHandshakes({ name }: Workload): boolean {
  return name.startsWith('handshakes');
}

async function measure(
  workload: Workload,
  candidate: Candidate,
  port: number,
  round: number,
  duration: number,
): Promise<Row> {
  const pids = candidate.pids();
  const before = cpuNs(pids);
  const load = await workload.run(folder, `${workload.scheme}://127.0.0.1:${port}`, duration);
  const cpuUs = (cpuNs(pids) - before) / 1_000 / load.requests;
  if (load.bad > 0)
    throw new Error(`${candidate.name}: ${load.bad} answers were not 2xx or broke off`);
  const row = {
    workload: workload.name,
    candidate: candidate.name,
    round,
    cpuUs,
    requestsPerSecond: load.requestsPerSecond,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    memoryMb: memoryMb(pids),
  };
  process.stderr.write(
    `${workload.name} round ${round}  ${candidate.name.padEnd(18)} ${row.requestsPerSecond.toFixed(0).padStart(6)} req/s  ${cpuUs.toFixed(1)} µs  p99 ${row.p99Ms.toFixed(2)} ms\n`,
  );
  return row;
}

/** Median over rounds of `of / over` within a round. */
function ratio(
  workload: Workload,
  of: string,
  over: string,
  figure: 'requestsPerSecond' | 'p99Ms' | 'cpuUs',
): number[] {
  const own = rows.filter((row) => row.workload === workload.name);
  return [...new Set(own.map(({ round }) => round))].flatMap((round) => {
    const a = own.find((row) => row.round === round && row.candidate === of);
    const b = own.find((row) => row.round === round && row.candidate === over);
    return a === undefined || b === undefined ? [] : [a[figure] / b[figure]];
  });
}

function report(): void {
  let text = `# Edge beside nginx\n\n\`${command}\`, ${new Date().toISOString().slice(0, 10)}\n${machine}.\n`;
  text +=
    'A browser-like head (0.7 KB), 1 KB answer, access log on for both, one core for the proxy; medians over rounds, spread in brackets.\n';
  for (const workload of asked) text += section(workload);
  for (const workload of left)
    text += `\nLeft out, as ${missingFor(workload)} is not installed: ${workload.title}.\n`;
  process.stdout.write(text);
  if (pageName === '') return;
  writeFileSync(`${results}${pageName}.md`, text);
  writeFileSync(
    `${results}${pageName}.json`,
    `${JSON.stringify({ command, machine, rows }, null, 1)}\n`,
  );
}

function section(workload: Workload): string {
  const what = isHandshakes(workload) ? 'handshake' : 'req';
  let text = `\n## ${workload.title}\n\n| candidate | ${what}/s | p50 ms | p99 ms | CPU µs/${what} | memory MB |\n|---|---|---|---|---|---|\n`;
  for (const { name } of candidates) {
    const own = rows.filter((row) => row.workload === workload.name && row.candidate === name);
    if (own.length === 0) continue;
    const middle = (figure: keyof Row) => median(own.map((row) => row[figure] as number));
    text += `| ${name} | ${middle('requestsPerSecond').toFixed(0)} (${spread(own.map((row) => row.requestsPerSecond / 1_000))} k) | ${middle('p50Ms').toFixed(2)} | ${middle('p99Ms').toFixed(2)} | ${middle('cpuUs').toFixed(1)} (${spread(own.map((row) => row.cpuUs))}) | ${middle('memoryMb').toFixed(0)} |\n`;
  }
  const line = (
    label: string,
    of: string,
    over: string,
    figure: 'requestsPerSecond' | 'p99Ms' | 'cpuUs',
  ) => {
    const each = ratio(workload, of, over, figure);
    return `| ${label} | ${median(each).toFixed(2)} (${each.map((value) => value.toFixed(2)).join(' ')}) |\n`;
  };
  text += '\n| ratio | median (each round) |\n|---|---|\n';
  text += line(`${what}/s, weir without rules ÷ nginx`, bare, 'nginx', 'requestsPerSecond');
  text += line(`CPU per ${what}, nginx ÷ weir without rules`, 'nginx', bare, 'cpuUs');
  text += line('p99, weir without rules ÷ nginx', bare, 'nginx', 'p99Ms');
  text += line(`${what}/s, weir with 2 modules ÷ without`, ruled, bare, 'requestsPerSecond');
  text += line(`CPU per ${what}, weir without rules ÷ with 2 modules`, bare, ruled, 'cpuUs');
  if (isHandshakes(workload)) {
    text += line(`CPU per ${what}, nginx ÷ node:tls alone`, 'nginx', bareTls, 'cpuUs');
    text += line(`CPU per ${what}, node:tls alone ÷ weir without rules`, bareTls, bare, 'cpuUs');
  }
  return text;
}

async function keepProfile(): Promise<void> {
  if (profiler === null) return;
  writeProfilePage(await profiler.stop(), `${results}proxy-profile.md`, command, machine);
  process.stdout.write(`wrote ${results}proxy-profile.md\n`);
}
