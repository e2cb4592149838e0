/**
 * Two minutes of what `bench/soak/fleet-nemesis.ts` does for longer: kills, power cuts, partitions, pauses, clocks that
 * jump, streams that are gone or old, batches said again. The seed is printed; NEMESIS_SEED=… runs the same faults.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { needsNats } from '../support/nats-server.ts';
import { needs, needsRoot } from '../support/needs.ts';
import { runNemesis } from '../support/nemesis-run.ts';

const skip = needsRoot() || needsNats() || needs('clang') || needs('ip') || needs('nft');
const seed = Number(process.env['NEMESIS_SEED'] ?? Date.now() % 1_000_000);

it(`a fleet loses no acknowledged block and brings none back, seed ${seed}`, {
  skip,
}, async (test) => {
  const report = await runNemesis({
    ...{ seed, nodes: 3, faults: 200, callEveryMs: 60 },
    // With its start and its last round it is two minutes.
    endsAfterMs: 75_000,
    convergeMaxMs: 30_000,
    say: (line) => test.diagnostic(line),
  });
  assert.deepEqual(report.problems, []);
  assert.ok(report.rounds > 0 && report.restartsChecked > 0 && report.clientsChecked > 0);
  assert.ok(report.operations.acked > 0);
});
