/**
 * Does loading a rule module every second, while requests flow, cost a single one of them?
 *
 *     node bench/macro/hot-load/run.ts [--requests 1000000] [--minutes 5] [--connections 32] [--loads 1000]
 *
 * Ends at the first of the bounds. Memory is that of all its processes; the slope is that of the straight line through
 * the second half of the samples, one a load. The client reconnects but never retries, so an answer that is not
 * whole and 200 is a failure. Each load has another hash, and the edge confirms it in every worker.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { restamped } from '../../../test/support/edge-process.ts';
import { slope } from '../../../test/support/loads-run.ts';
import { pageRequest, root, startBenchEdge } from '../../support/edge.ts';
import { LoadClient } from '../../support/load-client.ts';
import { memoryMb, processTree } from '../../support/processes.ts';
import { keepResult } from '../../support/results.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    minutes: { type: 'string', default: '5' },
    connections: { type: 'string', default: '32' },
    loads: { type: 'string', default: '1000' },
    canaryMs: { type: 'string', default: '1000' },
  },
});
const modules = ['bad-bot', 'path-traversal'].map((name) => ({
  name,
  bytes: readFileSync(join(root, `build/rules/${name}.wasm`)),
}));
const edge = await startBenchEdge(undefined, Number(values.canaryMs));
const load = new LoadClient({
  host: '127.0.0.1',
  port: edge.port,
  connections: Number(values.connections),
  expectStatus: 200,
  answerMs: 10_000,
  request: pageRequest,
  requestsMax: Number(values.requests),
});
let loads = 0;
let slowestLoadMs = 0;
const memory: number[] = [];
const startedAt = performance.now();
const running = load.run();
const stopTimer = setTimeout(() => load.stop(), Number(values.minutes) * 60_000);
let isRunning = true;
// One after the other: each is tried in one worker first, for as long as `canaryMs` says.
const loading = (async () => {
  while (isRunning && loads < Number(values.loads)) await loadNext();
  load.stop();
})();
const result = await running;
isRunning = false;
await loading;
clearTimeout(stopTimer);
keepResult(
  'hot-load',
  `node bench/macro/hot-load/run.ts --requests ${values.requests} --minutes ${values.minutes} --connections ${values.connections} --loads ${values.loads} --canaryMs ${values.canaryMs}`,
  {
    seconds: Math.round((performance.now() - startedAt) / 1_000),
    loads,
    slowestLoadMs: Math.round(slowestLoadMs),
    ...result,
    slowestMs: Math.round(result.slowestMs),
    memoryMbAtStart: Math.round(memory[0] ?? Number.NaN),
    memoryMbAtEnd: Math.round(memory.at(-1) ?? Number.NaN),
    memoryKbPerLoad: Math.round(slope(memory.slice(memory.length >> 1)) * 1_024),
  },
);
process.exit(result.failed === 0 && loads > 0 ? 0 : 1);

async function loadNext(): Promise<void> {
  const module = modules[loads % modules.length] as (typeof modules)[number];
  const before = performance.now();
  const { workers } = await edge.call(
    'POST',
    `/api/v1/modules/${module.name}`,
    restamped(module.bytes, `load ${loads}`),
  );
  if (workers !== 2) throw new Error(`live in ${workers} workers`);
  slowestLoadMs = Math.max(slowestLoadMs, performance.now() - before);
  memory.push(memoryMb(processTree(edge.pid)));
  loads++;
  if (loads % 10 === 0) {
    process.stderr.write(
      `${loads} loads, ${load.answered} answered, ${load.failed} failed, ${memory.at(-1)?.toFixed(0)} MB\n`,
    );
  }
}
