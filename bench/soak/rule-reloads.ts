/**
 * What does the Core Rule Set cost a worker in memory, and does a thousand of its reloads under traffic leave some
 * behind or fail a request?
 *
 *     node bench/soak/rule-reloads.ts [--reloads 1000] [--connections 4] [--pause-ms 2] [--canary-ms 20]
 *       [--crs FOLDER] [--paranoia 1]
 *
 * Two shipped edges of two workers before the demo shop, one without rules; both answer the same requests (a browser's
 * page, a form, JSON, an SQL injection), and what the workers hold more is what the rules take. Then the rules are
 * loaded again and again, two builds in turn, as `weir module load` does: tried in one worker for `--canary-ms`, live in
 * all. Each connection asks again a pause after it was answered, so that both cores are not taken up by the requests alone.
 * Memory is proportional (`smaps_rollup`), after each 10 reloads; the slope is that of the straight line through the second
 * half.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { slope } from '../../test/support/loads-run.ts';
import { type BenchEdge, root, startBenchEdge } from '../support/edge.ts';
import { LoadClient } from '../support/load-client.ts';
import { memoryMb, processTree } from '../support/processes.ts';
import { keepResult } from '../support/results.ts';

const { values } = parseArgs({
  options: {
    reloads: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '4' },
    'pause-ms': { type: 'string', default: '2' },
    'canary-ms': { type: 'string', default: '20' },
    crs: { type: 'string', default: join(root, '../shared/crs') },
    paranoia: { type: 'string', default: '1' },
  },
});
const reloads = Number(values.reloads);
const reloadsPerSample = 10;
const browser = 'Host: shop.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\n';
const form = `note=${'an+ordinary+word+'.repeat(60)}`;
const json = JSON.stringify(Array.from({ length: 300 }, (_, id) => ({ id, name: `item ${id}` })));
const post = (path: string, type: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\n${browser}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const requests = [
  { status: 200, request: `GET /healthz?q=garden+chair HTTP/1.1\r\n${browser}\r\n` },
  { status: 404, request: post('/none', 'application/x-www-form-urlencoded', form) },
  { status: 404, request: post('/none', 'application/json', json) },
  {
    status: 403,
    request: `GET /?id=1'+union+select+password+from+users-- HTTP/1.1\r\n${browser}\r\n`,
  },
];

const folder = mkdtempSync(join(tmpdir(), 'weir-reloads-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.stderr.write('building the rules\n');
const modules = [5, 6].map((threshold) => {
  const file = join(folder, `crs-${threshold}.wasm`);
  const setup = `inbound_anomaly_score_threshold=${threshold}`;
  const { status } = spawnSync(
    process.execPath,
    [
      ...[join(root, 'src/main.ts'), 'rules', 'build', values.crs, '--out', file],
      ...['--paranoia', values.paranoia, '--setup', setup, '--cache', folder],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0) process.exit(1);
  return readFileSync(file);
});

const bare = await startBenchEdge({});
const guarded = await startBenchEdge(
  { crs: { seclang: [values.crs], paranoia: Number(values.paranoia) } },
  Number(values['canary-ms']),
);
const workersMb = ({ pid }: BenchEdge): number => {
  const [, ...workers] = processTree(pid);
  return memoryMb(workers) / workers.length;
};
// The edge without rules lets the last one through.
await ask(bare, requests.slice(0, 3), 6_000);
const bareMb = workersMb(bare);
await ask(guarded, requests, 8_000);
const guardedMb = workersMb(guarded);

const clients = requests.map(({ status, request }) =>
  client(guarded, status, request, Number.POSITIVE_INFINITY, Number(values['pause-ms'])),
);
const running = Promise.all(clients.map((one) => one.run()));
const startedAt = performance.now();
const samples: number[] = [];
const loadMs: number[] = [];
for (let count = 1; count <= reloads; count++) {
  const before = performance.now();
  await guarded.call('POST', '/api/v1/modules/crs', modules[count % 2]);
  loadMs.push(performance.now() - before);
  if (count % reloadsPerSample > 0) continue;
  samples.push(workersMb(guarded));
  process.stderr.write(`${count} reloads, ${samples.at(-1)?.toFixed(1)} MB a worker\n`);
}
for (const one of clients) one.stop();
const results = await running;
const failed = results.reduce((sum, one) => sum + one.failed, 0);
keepResult(
  'rule-reloads',
  `node bench/soak/rule-reloads.ts --reloads ${reloads} --connections ${values.connections} --pause-ms ${values['pause-ms']} --canary-ms ${values['canary-ms']} --paranoia ${values.paranoia}`,
  {
    seconds: Math.round((performance.now() - startedAt) / 1_000),
    reloads,
    answered: results.reduce((sum, one) => sum + one.answered, 0),
    failed,
    failures: Object.assign({}, ...results.map((one) => one.failures)),
    workerMb: {
      withoutRules: tenths(bareMb),
      withRules: tenths(guardedMb),
      added: tenths(guardedMb - bareMb),
    },
    workerMbOverReloads: [samples[0], samples[samples.length >> 1], samples.at(-1)].map(tenths),
    slopeKbPerReload: tenths(
      (slope(samples.slice(samples.length >> 1)) / reloadsPerSample) * 1_024,
    ),
    loadMs: { median: Math.round(loadMs.toSorted((a, b) => a - b)[loadMs.length >> 1] ?? 0) },
  },
);
process.exit(failed === 0 ? 0 : 1);

function client(
  edge: BenchEdge,
  expectStatus: number,
  request: string,
  requestsMax: number,
  pauseMs = 0,
): LoadClient {
  const connections = Math.max(1, Number(values.connections) >> 2);
  return new LoadClient({
    ...{ host: '127.0.0.1', port: edge.port, connections, answerMs: 30_000 },
    ...{ expectStatus, request, requestsMax, pauseMs },
  });
}

async function ask(edge: BenchEdge, asked: typeof requests, count: number): Promise<void> {
  for (const { status, request } of asked) {
    const { failed: wrong, failures } = await client(
      edge,
      status,
      request,
      count / asked.length,
    ).run();
    if (wrong > 0) throw new Error(JSON.stringify(failures));
  }
}

function tenths(value: number | undefined): number {
  return Math.round((value ?? Number.NaN) * 10) / 10;
}
