/**
 * When a worker is killed under load, what fails, and how long until its successor serves?
 *
 *     node bench/macro/worker-kill/run.ts [--kills 5] [--connections 32]
 *
 * Both workers take connections; one of them gets SIGKILL, again and again. A client has at most one
 * request under way on each connection, so no kill may fail more requests than there are connections, and
 * connections of the other worker must not notice.
 */
import { parseArgs } from 'node:util';
import { pageRequest, startBenchEdge } from '../../support/edge.ts';
import { LoadClient } from '../../support/load-client.ts';
import { keepResult } from '../../support/results.ts';

type WorkerStatus = {
  readonly slot: number;
  readonly pid: number | null;
  readonly state: string;
  readonly openConnections: number | null;
};

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '5' },
    connections: { type: 'string', default: '32' },
  },
});
const edge = await startBenchEdge();
const load = new LoadClient({
  host: '127.0.0.1',
  port: edge.port,
  connections: Number(values.connections),
  expectStatus: 200,
  answerMs: 10_000,
  request: pageRequest,
  requestsMax: Number.POSITIVE_INFINITY,
});
const running = load.run();
const kills: { connections: number | null; failed: number; backAfterMs: number }[] = [];
for (let kill = 0; kill < Number(values.kills); kill++) {
  // Longer than the time after which a worker counts as well again, so that no back-off adds up.
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  const victim = (await workers()).find(({ slot }) => slot === kill % 2);
  if (victim?.pid == null) throw new Error('no worker to kill');
  const failedBefore = load.failed;
  const killedAt = performance.now();
  process.kill(victim.pid, 'SIGKILL');
  while (
    !(await workers()).some(
      (one) => one.slot === victim.slot && one.pid !== victim.pid && one.state === 'ready',
    )
  ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const backAfterMs = Math.round(performance.now() - killedAt);
  kills.push({
    connections: victim.openConnections,
    failed: load.failed - failedBefore,
    backAfterMs,
  });
  process.stderr.write(`${JSON.stringify(kills.at(-1))}\n`);
}
load.stop();
const result = await running;
keepResult(
  'worker-kill',
  `node bench/macro/worker-kill/run.ts --kills ${values.kills} --connections ${values.connections}`,
  {
    kills,
    ...result,
    slowestMs: Math.round(result.slowestMs),
  },
);
process.exit(kills.every(({ connections, failed }) => failed <= (connections ?? 0)) ? 0 : 1);

async function workers(): Promise<readonly WorkerStatus[]> {
  return (await edge.call('GET', '/api/v1/status'))['workers'] as WorkerStatus[];
}
