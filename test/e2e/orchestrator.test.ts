/** Shipped nodes under an orchestrator: one is drained, one is killed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLetIn, startFleetEdge } from '../support/fleet-edges.ts';
import { startFleet } from '../support/fleet-folder.ts';
import { needsNats } from '../support/nats-server.ts';
import { startTestOrchestrator } from '../support/orchestrator.ts';
import { killGroup } from '../support/process-group.ts';
import { until } from '../support/until.ts';

describe('shipped nodes under an orchestrator', { skip: needsNats() }, () => {
  it('enforce what it decides, end when it says so, and are dead when nobody said so', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = await startFleetEdge(fleet, 'a');
    await using b = await startFleetEdge(fleet, 'b');
    await using orchestrator = await startTestOrchestrator({
      // Nodes beat each 10 s.
      yaml: `${fleet.section('orchestrator')}\nnodes: { deadAfterMs: 12000 }`,
    });
    const reaches = (id: string, state: string) =>
      until(
        () => `${id} is ${state}`,
        async () => {
          const { body } = await orchestrator.call('GET', `/api/v1/nodes/${id}`);
          return (body['state'] as unknown) === state;
        },
      );
    await reaches('a', 'active');
    await reaches('b', 'active');
    const added = await orchestrator.call('POST', '/api/v1/blocklist', {
      body: { target: '198.51.100.7', ttlSeconds: 60, waitMs: 5_000 },
    });
    assert.deepEqual(added.body['acknowledged'], { nodes: 2, kernels: 0, of: 2 });
    for (const edge of [a, b]) {
      assert.equal(await isLetIn(edge, '198.51.100.7'), false);
      assert.equal(await isLetIn(edge, '198.51.100.8'), true);
    }
    const { body: shown } = await orchestrator.call('GET', '/api/v1/nodes/a');
    const rss = Number(shown['metrics']?.['rssBytes']);
    assert.ok(rss > 10_000_000, `measured: ${rss}`);

    const drained = await orchestrator.call('POST', '/api/v1/nodes/a/drain');
    assert.equal(drained.status, 200, JSON.stringify(drained.body));
    assert.equal(await a.exit, 0);
    killGroup(b.process.pid as number);
    await reaches('a', 'gone');
    await reaches('b', 'dead');
  });

  it('say so when somebody ends them, how late they are, and nothing when they are replaced', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = await startFleetEdge(fleet, 'a');
    await using b = await startFleetEdge(fleet, 'b');
    await using orchestrator = await startTestOrchestrator({
      // Nobody is taken for dead here: who is gone has said so.
      yaml: `${fleet.section('orchestrator')}\nnodes: { deadAfterMs: 600000 }`,
    });
    const node = async (id: string) => (await orchestrator.call('GET', `/api/v1/nodes/${id}`)).body;
    const is = (id: string, state: string) =>
      until(
        () => `${id} is ${state}`,
        async () => ((await node(id))['state'] as unknown) === state,
      );
    await is('a', 'active');
    await is('b', 'active');
    const before = (await node('b'))['startedAt'] as unknown;
    await b.call('POST', '/api/v1/upgrade');
    await until(
      'another process',
      async () => ((await node('b'))['startedAt'] as unknown) !== before,
    );
    await is('b', 'active');
    a.process.kill('SIGTERM');
    await is('a', 'gone');
    await until(
      'measured',
      async () => typeof ((await node('b'))['metrics']?.['eventLoopP99Ms'] as unknown) === 'number',
    );
  });
});
