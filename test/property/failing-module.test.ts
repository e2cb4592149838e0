/**
 * Slices of the long runs `bench/soak/failing-module.ts` and `bench/soak/module-loads.ts`: a module that
 * fails in one request of a hundred, and one that is replaced again and again.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { failingRun, failureWays } from '../support/failing-run.ts';
import { loadsRun } from '../support/loads-run.ts';

it('a module that traps, loops, exhausts memory or overflows its stack fails its own requests alone', async (test) => {
  const seed = Number(process.env['FAILING_SEED'] ?? 7);
  test.diagnostic(`FAILING_SEED=${seed}`);
  const result = await failingRun({ requests: 4_000, seed, connections: 8 });
  assert.deepEqual(result.problems, {});
  assert.equal(result.processExits, 0);
  assert.equal(result.answered, 4_000);
  for (const way of failureWays) assert(result.asked[way] > 0, `no ${way} was asked for`);
  const asked = failureWays.reduce((sum, way) => sum + result.asked[way], 0);
  assert.equal(result.failures, asked);
});

it('versions of a module follow each other under load: no request fails, none sees two', async () => {
  const result = await loadsRun({
    loads: 40,
    connections: 4,
    loadsPerSample: 20,
    requestsBefore: 100,
  });
  assert.deepEqual(result.problems, {});
  assert.equal(result.processExits, 0);
  assert(result.versionsSeen > 20, `${result.versionsSeen} versions were seen`);
  assert(result.answered > 200);
});
