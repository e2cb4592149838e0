/**
 * What does the edge cost beside nginx, on one core, for keep-alive GETs, plain and over TLS, and what do
 * two rule modules add?
 *
 *     node bench/macro/proxy/run.ts [--rounds 5] [--seconds 4] [--name NAME]
 *
 * Candidates take turns, so drift of the machine falls on all of them; ratios are taken within a round and
 * their median is quoted. The proxy has core 0, load and backend share core 1. Rounds with answers that
 * are not 2xx are an error, not a figure.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuNs, endAll, hasCommand, memoryMb, versionOf } from '../../support/processes.ts';
import { median, spread } from '../../support/statistics.ts';
import {
  type Candidate,
  makeCertificate,
  startBackend,
  startEdge,
  startNginx,
} from './candidates.ts';
import { connections, runLoad, type Tool, tools } from './load.ts';

type Row = {
  readonly tool: Tool;
  readonly scheme: 'http' | 'https';
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
    name: { type: 'string', default: 'proxy' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

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
await makeCertificate(folder);
const backend = await startBackend(folder);
const nginx = await startNginx(folder, backend.plainPort);
const candidates: Candidate[] = [
  backend,
  nginx,
  await startEdge(folder, backend.plainPort, bare, []),
  await startEdge(folder, backend.plainPort, ruled, ['bad-bot', 'path-traversal']),
];

const rows: Row[] = [];
for (const tool of tools) {
  const toolRounds = tool === 'wrk' ? rounds : Math.min(rounds, 2);
  for (const scheme of ['http', 'https'] as const) {
    for (let round = 0; round <= toolRounds; round++) {
      for (const candidate of candidates) {
        const port = scheme === 'http' ? candidate.plainPort : candidate.tlsPort;
        if (port === null) continue;
        // Round 0 warms up: compilers, connections, caches.
        const row = await measure(tool, scheme, candidate, port, round, round === 0 ? 2 : seconds);
        if (round > 0) rows.push(row);
      }
    }
  }
}
report();

async function measure(
  tool: Tool,
  scheme: 'http' | 'https',
  candidate: Candidate,
  port: number,
  round: number,
  duration: number,
): Promise<Row> {
  const pids = candidate.pids();
  const before = cpuNs(pids);
  const load = await runLoad(tool, folder, `${scheme}://127.0.0.1:${port}`, duration);
  const cpuUs = (cpuNs(pids) - before) / 1_000 / load.requests;
  if (load.bad > 0)
    throw new Error(`${candidate.name}: ${load.bad} answers were not 2xx or broke off`);
  const row = {
    tool,
    scheme,
    candidate: candidate.name,
    round,
    cpuUs,
    requestsPerSecond: load.requestsPerSecond,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    memoryMb: memoryMb(pids),
  };
  process.stderr.write(
    `${tool} ${scheme} round ${round}  ${candidate.name.padEnd(18)} ${row.requestsPerSecond.toFixed(0).padStart(6)} req/s  ${cpuUs.toFixed(1)} µs  p99 ${row.p99Ms.toFixed(2)} ms\n`,
  );
  return row;
}

/** Median over rounds of `of / over` within a round. */
function ratio(
  tool: Tool,
  scheme: string,
  of: string,
  over: string,
  figure: 'requestsPerSecond' | 'p99Ms' | 'cpuUs',
): number[] {
  const own = rows.filter((row) => row.tool === tool && row.scheme === scheme);
  return [...new Set(own.map(({ round }) => round))].flatMap((round) => {
    const a = own.find((row) => row.round === round && row.candidate === of);
    const b = own.find((row) => row.round === round && row.candidate === over);
    return a === undefined || b === undefined ? [] : [a[figure] / b[figure]];
  });
}

function report(): void {
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}, ${versionOf('nginx', '-v')}`;
  const command = `node bench/macro/proxy/run.ts --rounds ${rounds} --seconds ${seconds}`;
  let text = `# Edge beside nginx, keep-alive GET\n\n\`${command}\`, ${new Date().toISOString().slice(0, 10)}\n${machine}.\n`;
  text += `${connections} connections, browser-like GET (0.7 KB), 1 KB answer, access log on for both, one core for the proxy; medians over rounds, spread in brackets.\n`;
  for (const tool of tools) {
    for (const scheme of ['http', 'https'] as const) {
      text += `\n## ${tool}, ${scheme === 'http' ? 'plain' : 'TLS 1.3, ECDSA P-256'}\n\n| candidate | req/s | p50 ms | p99 ms | CPU µs/req | memory MB |\n|---|---|---|---|---|---|\n`;
      for (const { name } of candidates) {
        const own = rows.filter(
          (row) => row.tool === tool && row.scheme === scheme && row.candidate === name,
        );
        if (own.length === 0) continue;
        const middle = (figure: keyof Row) => median(own.map((row) => row[figure] as number));
        text += `| ${name} | ${middle('requestsPerSecond').toFixed(0)} (${spread(own.map((row) => row.requestsPerSecond / 1_000))} k) | ${middle('p50Ms').toFixed(2)} | ${middle('p99Ms').toFixed(2)} | ${middle('cpuUs').toFixed(1)} (${spread(own.map((row) => row.cpuUs))}) | ${middle('memoryMb').toFixed(0)} |\n`;
      }
      const line = (label: string, values: readonly number[]) =>
        `| ${label} | ${median(values).toFixed(2)} (${values.map((value) => value.toFixed(2)).join(' ')}) |\n`;
      text += '\n| ratio | median (each round) |\n|---|---|\n';
      text += line(
        'requests/s, weir without rules ÷ nginx',
        ratio(tool, scheme, bare, 'nginx', 'requestsPerSecond'),
      );
      text += line(
        'CPU per request, nginx ÷ weir without rules',
        ratio(tool, scheme, 'nginx', bare, 'cpuUs'),
      );
      text += line('p99, weir without rules ÷ nginx', ratio(tool, scheme, bare, 'nginx', 'p99Ms'));
      text += line(
        'requests/s, weir with 2 modules ÷ without',
        ratio(tool, scheme, ruled, bare, 'requestsPerSecond'),
      );
      text += line(
        'CPU per request, weir without rules ÷ with 2 modules',
        ratio(tool, scheme, bare, ruled, 'cpuUs'),
      );
    }
  }
  const results = new URL('../../results/', import.meta.url).pathname;
  mkdirSync(results, { recursive: true });
  writeFileSync(`${results}${values.name}.md`, text);
  writeFileSync(
    `${results}${values.name}.json`,
    `${JSON.stringify({ command, machine, rows }, null, 1)}\n`,
  );
  process.stdout.write(text);
}
