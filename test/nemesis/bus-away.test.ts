/** A short form of `bench/soak/fleet-bus-away.ts`: the bus goes, a node is killed and comes back, the bus comes back. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runBusAway } from '../support/bus-away-run.ts';
import { needsNats } from '../support/nats-server.ts';

it('a fleet without its bus keeps out whom it knows, through a restart, and is in step when the bus is back', {
  skip: needsNats(),
}, async (test) => {
  const report = await runBusAway({
    ...{ nodes: 2, awayMs: 6_000, known: 200, entries: 20_000, restarts: 2, seed: 1 },
    say: (line) => test.diagnostic(line),
  });
  assert.deepEqual([report.blockedLetIn, report.othersRefused, report.restarts], [0, 0, 2]);
  assert.ok(report.blockedAsked > 400 && report.othersAsked > 400);
  test.diagnostic(JSON.stringify(report));
});
