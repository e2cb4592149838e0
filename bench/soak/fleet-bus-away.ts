/**
 * What becomes of a fleet whose bus is gone for ten minutes, with nodes killed and started in between?
 *
 *     node bench/soak/fleet-bus-away.ts [--minutes 10] [--nodes 3] [--known 10000] [--entries 100000] [--restarts 6]
 *
 * Shipped nodes, an orchestrator and a real nats-server on loopback. While the bus is away every node has to keep out
 * all that was decided before, through a kill and a start as well, and to let in everybody else; the orchestrator decides
 * 100,000 entries meanwhile. Then the bus is back, with its store: all nodes have to enforce all of them within five
 * seconds, and so has a node with an empty disk from when it says that it is ready. Enforced is what the node's own count
 * says and what is refused at accept, the last of the entries and twenty others.
 */
import { parseArgs } from 'node:util';
import { runBusAway } from '../../test/support/bus-away-run.ts';
import { keepResult } from '../support/results.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    nodes: { type: 'string', default: '3' },
    known: { type: 'string', default: '10000' },
    entries: { type: 'string', default: '100000' },
    restarts: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
  },
});
const within = 5_000;
const report = await runBusAway({
  nodes: Number(values.nodes),
  awayMs: Number(values.minutes) * 60_000,
  known: Number(values.known),
  entries: Number(values.entries),
  restarts: Number(values.restarts),
  seed: Number(values.seed),
  say: (line) => process.stderr.write(`${line}\n`),
});
keepResult(
  'fleet-bus-away',
  `node bench/soak/fleet-bus-away.ts --minutes ${values.minutes} --nodes ${values.nodes} --known ${values.known} --entries ${values.entries} --restarts ${values.restarts}`,
  report,
);
const isRight =
  report.blockedLetIn === 0 &&
  report.othersRefused === 0 &&
  report.convergedMs <= within &&
  report.joinedMs <= within;
process.exit(isRight ? 0 : 1);
