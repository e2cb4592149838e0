/**
 * Does a fleet lose a block that it acknowledged, or bring back one that was taken away, whatever happens to its
 * processes, its network, its clocks, its disks and its bus?
 *
 *     node bench/soak/fleet-nemesis.ts [--faults 500] [--nodes 5] [--seed 1] [--call-every-ms 60]
 *
 * Shipped nodes and orchestrator and a real nats-server, each in a network namespace of its own; it wants root, ip,
 * nft, clang and nats-server. Faults come in rounds of ten, several at a time, while callers block and unblock at all
 * members. After each round all members have to hold the same within five seconds of the end of the last fault, and
 * what they hold has to be what callers were told. A killed process is back when it says that it is ready.
 * The seed says which faults come when; how they fall into the work of the processes is the machine's.
 */
import { parseArgs } from 'node:util';
import { runNemesis } from '../../test/support/nemesis-run.ts';
import { keepResult } from '../support/results.ts';

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '500' },
    nodes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'call-every-ms': { type: 'string', default: '60' },
  },
});
const convergedMaxMs = 5_000;
const startedAt = performance.now();
const { convergedMs, ...report } = await runNemesis({
  seed: Number(values.seed),
  nodes: Number(values.nodes),
  faults: Number(values.faults),
  callEveryMs: Number(values['call-every-ms']),
  convergeMaxMs: 60_000,
  say: (line) => process.stderr.write(`${line}\n`),
});
const sorted = convergedMs.toSorted((a, b) => a - b);
keepResult(
  'fleet-nemesis',
  `node bench/soak/fleet-nemesis.ts --faults ${values.faults} --nodes ${values.nodes} --seed ${values.seed}`,
  {
    seconds: Math.round((performance.now() - startedAt) / 1_000),
    ...report,
    convergedMs: { p50: sorted[sorted.length >> 1], max: sorted.at(-1) },
    roundsLate: sorted.filter((ms) => ms > convergedMaxMs).length,
  },
);
const isRight = report.problems.length === 0 && (sorted.at(-1) ?? 0) <= convergedMaxMs;
process.exit(isRight ? 0 : 1);
