/**
 * Does a module that traps, loops, exhausts memory or overflows its stack at random in 1 % of a million
 * requests end the process, or reach anybody but those requests?
 *
 *     node bench/soak/failing-module.ts [--requests 1000000] [--seed 1] [--connections 16]
 *
 * One worker's data plane in a process of its own. Every answer is checked: the requests that asked for a
 * failure get 503 from the module's policy, every other one gets its own answer, with the mark of a module
 * that remembers nothing. The first wrong one is a failure of the run. A registry, which would put such a
 * module into quarantine after five failures, is left out.
 */
import { parseArgs } from 'node:util';
import { failingRun } from '../../test/support/failing-run.ts';
import { keepResult } from '../support/results.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    connections: { type: 'string', default: '16' },
  },
});
const startedAt = performance.now();
const result = await failingRun({
  requests: Number(values.requests),
  seed: Number(values.seed),
  connections: Number(values.connections),
  onProgress: (answered) => process.stderr.write(`${answered} of ${values.requests} requests\n`),
});
keepResult(
  'failing-module',
  `node bench/soak/failing-module.ts --requests ${values.requests} --seed ${values.seed} --connections ${values.connections}`,
  { seconds: Math.round((performance.now() - startedAt) / 1_000), ...result },
);
const asked = Object.values(result.asked).reduce((sum, count) => sum + count, 0);
const isRight =
  result.processExits === 0 &&
  Object.keys(result.problems).length === 0 &&
  result.answered === Number(values.requests) &&
  result.failures === asked;
process.exit(isRight ? 0 : 1);
