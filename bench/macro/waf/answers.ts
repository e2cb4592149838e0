/**
 * What do rules cost by how long the answer is? Rules on answers look at every byte of a page, and pages are longer than
 * requests.
 *
 *     node bench/macro/waf/answers.ts [--rounds 3] [--seconds 2] [--sizes 1000,10000,100000] [--crs FOLDER] [--write]
 *
 * Bare GETs of HTML pages, beside nginx with libmodsecurity 3 and the same rules at paranoia 1; candidates, cores and ratios
 * are those of `run.ts`. `--write` keeps the page in bench/results/waf-answers.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchRequests } from '#toolchain/bench-requests.ts';
import { cpuNs, endAll, versionOf } from '../../support/processes.ts';
import { machine } from '../../support/results.ts';
import { type Candidate, startEdge, startNginx, writeModSecurity } from './candidates.ts';
import { runLoad } from './load.ts';
import { startPages } from './pages.ts';
import { levelSection, type Row } from './report.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    sizes: { type: 'string', default: '1000,10000,100000' },
    crs: { type: 'string', default: join(import.meta.dirname, '../../../../shared/crs') },
    write: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const request = benchRequests.filter(({ name }) => name === 'bare GET');
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-answers-'));
process.on('exit', () => {
  endAll();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const paranoia = 1;
const rules = writeModSecurity(folder, values.crs, paranoia);
let page = `# Rules on answers, by their length

\`node bench/macro/waf/answers.ts --rounds ${rounds} --seconds ${seconds} --sizes ${values.sizes}\`, ${new Date().toISOString().slice(0, 10)}
${machine}, ${versionOf('nginx', '-v')} with libmodsecurity 3 and the same rules at paranoia 1.
A bare GET of a page of HTML, one core for the proxy, access log on for all; medians over rounds, spread in brackets.
`;
for (const bytes of values.sizes.split(',').map(Number)) {
  const rows: Row[] = [];
  const backend = await startPages(folder, bytes);
  const name = (what: string): string => `${what} (${bytes})`;
  const candidates: Candidate[] = [
    await startNginx(folder, name('nginx, no rules'), backend, null),
    await startNginx(folder, name('nginx, CRS'), backend, rules),
    await startEdge(folder, name('weir, no rules'), backend, null),
    await startEdge(folder, name('weir, CRS'), backend, `{ seclang: [${values.crs}] }`),
    await startEdge(folder, name('weir, builtin:core'), backend, '{ module: "builtin:core" }'),
  ];
  for (let round = 0; round <= rounds; round++)
    for (const candidate of candidates) {
      // Round 0 warms up.
      const row = await measure(candidate, `${bytes} bytes`, round);
      if (round > 0) rows.push({ ...row, candidate: candidate.name.replace(/ \(\d+\)$/, '') });
    }
  page += levelSection(`${bytes} bytes`, rows, {
    bareNginx: 'nginx, no rules',
    modSecurity: 'nginx, CRS',
    bareEdge: 'weir, no rules',
    edges: ['weir, CRS', 'weir, builtin:core'],
  });
}
process.stdout.write(page);
if (values.write) writeFileSync(join(import.meta.dirname, '../../results/waf-answers.md'), page);
process.exit(0);

async function measure(candidate: Candidate, name: string, round: number): Promise<Row> {
  const pids = candidate.pids();
  const before = cpuNs(pids);
  const load = await runLoad(folder, candidate.port, request, round === 0 ? 1 : seconds);
  const cpuUs = (cpuNs(pids) - before) / 1_000 / load.requests;
  if (load.failed > 0 || load.refused > 0)
    throw new Error(
      `${candidate.name}: of ${load.requests} ${load.refused} were refused and ${load.failed} failed`,
    );
  const { requestsPerSecond, p50Ms, p99Ms } = load;
  process.stderr.write(`${candidate.name} ${round} ${cpuUs.toFixed(1)} µs\n`);
  return {
    ...{ request: name, candidate: candidate.name, round, isRefused: false },
    ...{ requestsPerSecond, cpuUs, p50Ms, p99Ms },
  };
}
