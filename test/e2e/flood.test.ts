/**
 * A flood of spoofed SYNs, as many as one core makes, onto the shipped edge. With cookies of the packet program
 * clients go on connecting and nothing is half open; without them nobody gets in.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FloodScene, runFlood } from '../support/flood-scene.ts';
import { needsNamespaces } from '../support/kernel-rights.ts';

const scene = { floodPerSecond: 0, seconds: 3, clients: 8 } as const;
const run = (terms: Pick<FloodScene, 'protection' | 'mode' | 'timeoutMs'>) =>
  runFlood({ ...scene, ...terms });

describe('under a flood of SYNs from everywhere', { skip: needsNamespaces() }, () => {
  for (const mode of ['native', 'generic'] as const)
    it(`clients connect over IPv4 and IPv6, and no connection is half open, ${mode}`, async () => {
      const { flood, client, halfOpenMax, verdicts } = await run({
        protection: 'weir',
        mode,
        timeoutMs: 15_000,
      });
      const words = JSON.stringify({ flood, client, halfOpenMax, verdicts });
      assert((flood?.sent ?? 0) > 10_000, words);
      assert((verdicts?.['syn_ack'] ?? 0) > client.answered, words);
      assert(client.answered >= 2 * scene.clients, words);
      assert.deepEqual(client.failed, {}, words);
      assert.equal(halfOpenMax, 0, words);
    });

  it('the same clients wait in vain where nothing protects the listener', async () => {
    const outcome = await run({ protection: 'none', mode: 'native', timeoutMs: 3_000 });
    const { client, halfOpenMax } = outcome;
    const words = JSON.stringify(outcome);
    assert(halfOpenMax > 100, words);
    // A slot that comes free now and then goes to whoever is first.
    assert((client.failed['no answer in time'] ?? 0) >= scene.clients, words);
  });
});
