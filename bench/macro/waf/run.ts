/**
 * What does the Core Rule Set cost here, and what does it cost with nginx and libmodsecurity 3, on one core each?
 *
 *     node bench/macro/waf/run.ts [--rounds 5] [--seconds 4] [--levels 1,4] [--crs FOLDER] [--write]
 *
 * Before anything is timed each candidate is asked once for each request: those with rules must stop the attack and, at
 * level 1, pass the others. Candidates take turns within a round, so drift of the machine falls on all; ratios are
 * taken within a round and their median is quoted. The proxy has core 0, load and backend share core 1. `--write` keeps
 * the page in bench/results/waf.md.
 *
 * Each request is sent twice over: the same again and again, and in turn with others that differ in what is a client's own.
 *
 * `--rounds 2 --seconds 2` takes four and a half minutes for the first level and three and a half for each further one, where
 * `builtin:core` has no part: it is the same at each.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BenchRequest, benchRequests, withOwnValues } from '#toolchain/bench-requests.ts';
import { cpuNs, endAll, hasCommand, versionOf } from '../../support/processes.ts';
import { machine } from '../../support/results.ts';
import {
  type Candidate,
  hasOwnRules,
  startBackend,
  startEdge,
  startNginx,
  writeModSecurity,
} from './candidates.ts';
import { runLoad, statusOf } from './load.ts';
import { levelSection, type Row } from './report.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    levels: { type: 'string', default: '1,4' },
    crs: { type: 'string', default: join(import.meta.dirname, '../../../../shared/crs') },
    write: { type: 'boolean', default: false },
  },
});
const loads: readonly Sent[] = benchRequests.flatMap((one) => [
  { name: one.name, requests: [one] },
  eachOther(one, one.body === null ? 4_000 : 600),
]);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const levels = values.levels.split(',').map(Number);

for (const command of ['nginx', 'wrk', 'taskset'])
  if (!hasCommand(command)) {
    process.stderr.write(
      `${command} is not installed (Debian: apt-get install nginx-light libnginx-mod-http-modsecurity wrk)\n`,
    );
    process.exit(1);
  }
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-waf-'));
process.on('exit', () => {
  endAll();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const backendPort = await startBackend(folder);
const bareNginx = await startNginx(folder, 'nginx, no rules', backendPort, null);
const bareEdge = await startEdge(folder, 'weir, no rules', backendPort, null);
const ownEdge = hasOwnRules()
  ? [await startEdge(folder, 'weir, builtin:core', backendPort, '{ module: "builtin:core" }')]
  : [];

const command = `node bench/macro/waf/run.ts --rounds ${rounds} --seconds ${seconds} --levels ${levels}`;
let page = `# The Core Rule Set beside nginx and libmodsecurity 3

\`${command}\`, ${new Date().toISOString().slice(0, 10)}
${machine}, ${versionOf('nginx', '-v')}, ${modSecurityVersion()} with the same rules.
One core for the proxy, 16 connections (2 for the JSON), 1 KB of HTML as the answer, access log on for all; medians over rounds, spread in brackets.
Where other work shares the cores, requests a second say little and CPU a request says what was measured.
`;
for (const [index, level] of levels.entries())
  page += await benchLevel(level, index === 0 ? ownEdge : []);
process.stdout.write(page);
if (values.write) writeFileSync(join(import.meta.dirname, '../../results/waf.md'), page);
// Those that were started end with it.
process.exit(0);

type Sent = {
  readonly name: string;
  readonly requests: readonly [BenchRequest, ...BenchRequest[]];
};

/** In turn so many that differ: more than rules here remember the values of. */
function eachOther(one: BenchRequest, count: number): Sent {
  const others = Array.from({ length: count }, (_, number) => withOwnValues(one, number));
  return { name: `${one.name}, values of its own`, requests: [one, ...others] };
}

async function benchLevel(level: number, others: readonly Candidate[]): Promise<string> {
  const modSecurity = await startNginx(
    folder,
    `nginx, CRS ${level}`,
    backendPort,
    writeModSecurity(folder, values.crs, level),
  );
  const edge = await startEdge(
    folder,
    `weir, CRS ${level}`,
    backendPort,
    `{ seclang: [${values.crs}], paranoia: ${level} }`,
  );
  const candidates: Candidate[] = [bareNginx, modSecurity, bareEdge, edge, ...others];
  const rows: Row[] = [];
  let section = `\n## Paranoia ${level}\n`;
  for (const { name, requests } of loads) {
    const expected = new Map<Candidate, boolean>();
    for (const candidate of candidates)
      expected.set(candidate, await isRefused(candidate, requests[0], level));
    for (let round = 0; round <= rounds; round++)
      for (const candidate of candidates) {
        // Round 0 warms up: compilers, connections, caches.
        const row = await measure(
          candidate,
          name,
          requests,
          round,
          expected.get(candidate) === true,
        );
        if (round > 0) rows.push(row);
      }
    section += levelSection(name, rows, {
      bareNginx: bareNginx.name,
      modSecurity: modSecurity.name,
      bareEdge: bareEdge.name,
      edges: [edge, ...others].map(({ name }) => name),
    });
  }
  return section;
}

/** Whether it answers 403. Above the first level ordinary requests may be stopped too, which is what these levels are. */
async function isRefused(
  candidate: Candidate,
  request: BenchRequest,
  level: number,
): Promise<boolean> {
  const status = await statusOf(candidate.port, request);
  const isMet = request.isAttack
    ? status === (candidate.isGuarded ? 403 : 200)
    : status === 200 || (status === 403 && candidate.isGuarded && level > 1);
  if (!isMet) throw new Error(`${candidate.name} answers ${status} to: ${request.name}`);
  return status === 403;
}

async function measure(
  candidate: Candidate,
  name: string,
  requests: readonly BenchRequest[],
  round: number,
  isRefused: boolean,
): Promise<Row> {
  const pids = candidate.pids();
  const before = cpuNs(pids);
  const load = await runLoad(folder, candidate.port, requests, round === 0 ? 1 : seconds);
  const cpuUs = (cpuNs(pids) - before) / 1_000 / load.requests;
  await untilIdle(pids);
  // Warming up may be over before the slowest has answered once.
  if (load.requests === 0 && round > 0)
    throw new Error(`${candidate.name} answered nothing in ${seconds} s`);
  if (load.failed > 0 || load.refused !== (isRefused ? load.requests : 0))
    throw new Error(
      `${candidate.name}: of ${load.requests} ${load.refused} were refused and ${load.failed} failed (${name})`,
    );
  const row = {
    request: name,
    candidate: candidate.name,
    round,
    isRefused,
    requestsPerSecond: load.requestsPerSecond,
    cpuUs,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
  };
  process.stderr.write(
    `${name.padEnd(20)} ${round}  ${candidate.name.padEnd(20)} ${row.requestsPerSecond.toFixed(0).padStart(6)} req/s  ${cpuUs.toFixed(1).padStart(9)} µs  p99 ${row.p99Ms.toFixed(2)} ms\n`,
  );
  return row;
}

/** What is left of requests whose client has gone would fall on the next candidate. */
async function untilIdle(pids: readonly number[]): Promise<void> {
  for (;;) {
    const before = cpuNs(pids);
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (cpuNs(pids) - before < 20_000_000) return;
  }
}

function modSecurityVersion(): string {
  const { stdout } = spawnSync('dpkg-query', ['--show', 'libmodsecurity3'], { encoding: 'utf8' });
  return stdout.trim().replace('\t', ' ');
}
