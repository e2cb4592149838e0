/**
 * Do a thousand loads and unloads of a rule module, while requests flow through an edge of two workers, cost a single
 * request, show one request two versions, or leave memory behind?
 *
 *     node bench/macro/hot-load/run.ts [--loads 1000] [--minutes 8] [--connections 8] [--restMs 4] [--canaryMs 20]
 *
 * Ends with the last load, or when the time is over. A load counts once the node has answered that the version is live
 * in both workers, an unload once it has answered that the version before is removed and its memory and file are given
 * up. The module stamps its version on the request that goes to the origin and on the response, and the client looks at
 * each answer: whole, 200, its own, both stamps the same, none older than one that this connection (so this worker)
 * has seen, none older than what was confirmed before the request was sent. It never retries. Its connections rest
 * between requests, so that loads do not wait for a processor.
 *
 * Memory is that of all processes of the edge, once a load; the slopes are those of the straight lines through all
 * samples of the second half, and through the lowest of each twenty in a row there, which leaves out what the next
 * collection frees.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CheckedLoad, type CheckedRequest } from '../../../test/support/checked-load.ts';
import { startEchoOrigin } from '../../../test/support/echo-origin.ts';
import { slope } from '../../../test/support/loads-run.ts';
import { versionedModule } from '../../../test/support/versioned-module.ts';
import { startBenchEdge } from '../../support/edge.ts';
import { memoryMb, processTree } from '../../support/processes.ts';
import { keepResult } from '../../support/results.ts';

const workers = 2;
const samplesPerFloor = 20;

const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: '1000' },
    minutes: { type: 'string', default: '8' },
    connections: { type: 'string', default: '8' },
    restMs: { type: 'string', default: '4' },
    canaryMs: { type: 'string', default: '20' },
  },
});
const loadsMax = Number(values.loads);
const moduleOf = await versionedModule();
const folder = mkdtempSync(join(tmpdir(), 'weir-hot-load-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'versioned.wasm');
writeFileSync(file, moduleOf(0));
const origin = await startEchoOrigin(['x-number', 'x-request-version']);
const edge = await startBenchEdge(
  { versioned: { module: file } },
  Number(values.canaryMs),
  origin.url,
);

/** Live in every worker. */
let confirmed = 0;
const seen = new Set<number>();
const newestOf = new Map<number, number>();
const load = new CheckedLoad(edge.port, Number.POSITIVE_INFINITY, requestOf, Number(values.restMs));
function requestOf(index: number, connection: number): CheckedRequest {
  const atLeast = Math.max(confirmed, newestOf.get(connection) ?? 0);
  return {
    text: `GET / HTTP/1.1\r\nHost: a.test\r\nX-Number: ${index}\r\n\r\n`,
    problemOf: ({ status, body, field }) => {
      if (status !== 200) return `status ${status}`;
      const [number, ofRequest] = body.split('\n');
      if (number !== String(index)) return 'the answer of another request';
      const ofResponse = field('x-response-version') ?? '';
      if (!/^version:\d{8}$/.test(ofResponse)) return 'no version';
      if (ofRequest !== ofResponse) return 'two versions';
      const version = Number(ofResponse.slice(8));
      seen.add(version);
      newestOf.set(connection, Math.max(version, newestOf.get(connection) ?? 0));
      return version < atLeast ? 'an older version' : null;
    },
  };
}
const memory: number[] = [];
let slowestLoadMs = 0;
let unloads = 0;
const startedAt = performance.now();
const isOver = (): boolean => performance.now() - startedAt > Number(values.minutes) * 60_000;
const running = load.run(Number(values.connections));
while (confirmed < loadsMax && !isOver()) await loadNext(confirmed + 1);
load.stop();
const { problems, ...result } = await running;
const failed = Object.values(problems).reduce((sum, count) => sum + count, 0);
const half = memory.slice(memory.length >> 1);
keepResult(
  'hot-load',
  `node bench/macro/hot-load/run.ts --loads ${values.loads} --minutes ${values.minutes} --connections ${values.connections} --restMs ${values.restMs} --canaryMs ${values.canaryMs}`,
  {
    seconds: Math.round((performance.now() - startedAt) / 1_000),
    loads: confirmed,
    unloads,
    slowestLoadMs: Math.round(slowestLoadMs),
    ...result,
    failed,
    problems,
    versionsSeen: seen.size,
    memoryMbAtStart: Math.round(memory[0] ?? Number.NaN),
    memoryMbInTheMiddle: Math.round(half[0] ?? Number.NaN),
    memoryMbAtEnd: Math.round(memory.at(-1) ?? Number.NaN),
    memoryKbPerLoad: kilobytes(slope(half)),
    memoryFloorKbPerLoad: kilobytes(slope(floors(half)) / samplesPerFloor),
  },
);
process.exit(failed === 0 && confirmed === unloads && confirmed > 0 ? 0 : 1);

async function loadNext(version: number): Promise<void> {
  const before = performance.now();
  const { module, workers: live } = (await edge.call(
    'POST',
    '/api/v1/modules/versioned',
    moduleOf(version),
  )) as { module: { version: number }; workers: number };
  if (live !== workers) throw new Error(`live in ${live} workers`);
  slowestLoadMs = Math.max(slowestLoadMs, performance.now() - before);
  confirmed = version;
  await edge.call('DELETE', `/api/v1/modules/versioned/versions/${module.version - 1}`);
  unloads++;
  memory.push(memoryMb(processTree(edge.pid)));
  if (version % 10 !== 0) return;
  process.stderr.write(
    `${version} loads, ${unloads} unloads, ${load.answered} answered, ${memory.at(-1)?.toFixed(0)} MB\n`,
  );
}

function floors(samples: readonly number[]): number[] {
  const lowest: number[] = [];
  for (let i = 0; i + samplesPerFloor <= samples.length; i += samplesPerFloor)
    lowest.push(Math.min(...samples.slice(i, i + samplesPerFloor)));
  return lowest;
}

function kilobytes(megabytes: number): number {
  return Math.round(megabytes * 1_024);
}
