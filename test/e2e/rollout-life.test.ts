/** Rules of a fleet over shipped edges: who is held, who comes late, what a restart without a bus finds, and policies. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readRolloutState } from '#state/rollout-files.ts';
import type { EdgeProcess } from '../support/edge-process.ts';
import { needsNats } from '../support/nats-server.ts';
import { statusOf } from '../support/own-module.ts';
import {
  blocking,
  isLed,
  passing,
  type RolloutFleet,
  reachesState,
  runs,
  startRollout,
  startRolloutFleet,
  trapping,
  upload,
} from '../support/rollout-fleet.ts';
import { until } from '../support/until.ts';
import { largeField } from '../support/versioned-guest.ts';

const atOnce = { baselineMs: 0, stages: [{ amount: 100, unit: 'percent', soakMs: 0 }] };
const nodeOf = ({ nodes }: RolloutFleet, name: string): EdgeProcess => {
  const edge = nodes.get(name);
  assert.ok(edge, name);
  return edge;
};
/** Of a module all of which is on one line. */
const oneLineMap = JSON.stringify({ version: 3, sources: ['index.ts'], mappings: 'AAGE' });
const runsSoon = (edge: EdgeProcess, sha256: string) =>
  until(`${sha256.slice(0, 12)} runs`, async () => (await runs(edge)) === sha256);

async function roll(fleet: RolloutFleet, sha256: string, more: object = {}): Promise<string> {
  const { id } = await startRollout(fleet.orchestrator, sha256, { ...atOnce, ...more });
  return String(id);
}

async function policy(fleet: RolloutFleet, name: string, text: string) {
  const sent = await fleet.orchestrator.call('POST', `/api/v1/policies/${name}`, {
    body: { policy: text },
  });
  return { status: sent.status, body: sent.body, sha256: String(sent.body['sha256']) };
}

describe('the rules of a fleet', { skip: needsNats() }, () => {
  it('holds by tag, converges who comes late, starts without a bus, and goes back by word', async () => {
    await using all = await startRolloutFleet({
      nodes: ['a', 'b', 'c'],
      later: ['d'],
      more: (name) => (name === 'b' ? ', tags: [pinned]' : ''),
    });
    const { orchestrator } = all;
    const own = await runs(nodeOf(all, 'a'));
    const first = await upload(orchestrator, passing('first'), 'own', 'no map');
    const id = await roll(all, first, { hold: ['pinned'] });
    const done = await reachesState(orchestrator, id, 'done');
    assert.equal(done['told'], 2);
    assert.deepEqual(
      [await runs(nodeOf(all, 'a')), await runs(nodeOf(all, 'b')), await runs(nodeOf(all, 'c'))],
      [first, own, first],
    );
    const { body: status } = await nodeOf(all, 'a').call('GET', '/api/v1/status');
    assert.match(JSON.stringify(status['degraded']), /module own \(source map\).*is no source map/);
    const { body: policies } = await orchestrator.call('GET', '/api/v1/policies');
    const states = Object.values(policies['items']?.[0]?.['nodes'] ?? {}).map((node) => [
      node['id'],
      node['state'],
    ]);
    assert.deepEqual(states, [
      ['a', 'live'],
      ['b', 'held'],
      ['c', 'live'],
    ]);

    // Without a word from anybody: from its own disk, though the file of its configuration is another.
    await all.stopNode('c');
    await all.fleet.server.kill();
    assert.equal(await runs(await all.startNode('c')), first);
    await all.fleet.server.start();

    const late = await all.startNode('d');
    await runsSoon(late, first);
    const second = await upload(orchestrator, passing('second'));
    await isLed(orchestrator);
    await reachesState(orchestrator, await roll(all, second), 'done');
    for (const [name, edge] of all.nodes) assert.equal(await runs(edge), second, name);
    const { body: list } = await orchestrator.call('GET', '/api/v1/rollouts');
    const newest = String(list['rollouts']?.[0]?.['id']);
    const back = await orchestrator.call('POST', `/api/v1/rollouts/${newest}/rollback`);
    assert.equal(back.status, 200, JSON.stringify(back.body));
    await reachesState(orchestrator, newest, 'rolled-back');
    const after = await Promise.all(['a', 'b', 'c', 'd'].map((name) => runs(nodeOf(all, name))));
    assert.deepEqual(after, [first, own, first, first], 'b was held when the first went out');
    const again = await orchestrator.call('POST', `/api/v1/rollouts/${newest}/rollback`);
    assert.deepEqual([again.status, again.body['error']?.['code']], [409, 'ROLLOUT_ENDED']);
  });

  it('a policy adds a rule, is refused where it does not fit, stays over a restart, and goes', async () => {
    await using all = await startRolloutFleet({ nodes: ['a', 'b'], canaryMs: 20 });
    const { orchestrator } = all;
    const wall = await upload(orchestrator, blocking(), 'wall', oneLineMap);
    const text = (path: string) => `
rules: { wall: { module: "fleet:${wall}" } }
routes: [{ host: "*", path: ${path}, waf: { rules: [own, wall] } }]`;
    const unfit = await policy(all, 'strict', text('/nowhere'));
    const refused = await roll(all, unfit.sha256, { kind: 'policy', name: 'strict' });
    const stopped = await reachesState(orchestrator, refused, 'rolled-back');
    assert.match(String(stopped['why']), /does not take it: .*a route of \* \/nowhere/);
    assert.equal(await statusOf(nodeOf(all, 'a')), 200);

    const good = await policy(all, 'strict', text('/'));
    const id = await roll(all, good.sha256, { kind: 'policy', name: 'strict' });
    await reachesState(orchestrator, id, 'done');
    for (const [name, edge] of all.nodes) assert.equal(await statusOf(edge), 403, name);
    assert.equal(await runs(nodeOf(all, 'a'), 'wall'), wall);
    const keptMap = join(all.stateOf('a'), 'modules', `${wall}.map`);
    assert.equal(readFileSync(keptMap, 'utf8'), oneLineMap);
    const shown = await orchestrator.call('GET', '/api/v1/policies/strict');
    assert.match(String(shown.body['policy']), new RegExp(wall));

    // A reload of the file keeps it, and a restart without a bus.
    assert.equal((await nodeOf(all, 'a').call('POST', '/api/v1/reload')).status, 200);
    assert.equal(await statusOf(nodeOf(all, 'a')), 403);
    await all.stopNode('b');
    await all.fleet.server.kill();
    assert.equal(await statusOf(await all.startNode('b')), 403);
    await all.fleet.server.start();
    await isLed(orchestrator);
    await orchestrator.call('POST', `/api/v1/rollouts/${id}/rollback`);
    await reachesState(orchestrator, id, 'rolled-back');
    for (const [name, edge] of all.nodes) assert.equal(await statusOf(edge), 200, name);
    assert.deepEqual(readRolloutState(all.stateOf('a')).policies, []);

    for (const [wrong, why] of [
      ['rules: { x: { module: own.wasm } }', /a file of one machine/],
      ['rules: { x: { module: "fleet:00" } }', /a file of one machine/],
      [`rules: { x: { module: "fleet:${'0'.repeat(64)}" } }`, /no module x with SHA-256/],
      ['upstreams: {}', /upstreams/],
      ['{}', /says nothing/],
    ] as const) {
      const said = await policy(all, 'wrong', wrong);
      assert.notEqual(said.status, 200, wrong);
      assert.match(JSON.stringify(said.body), why);
    }
  });

  it('stops when more is blocked than before, and when the trial of a node finds a failure', async () => {
    await using all = await startRolloutFleet({ nodes: ['a', 'b'], canaryMs: 1_500 });
    const { orchestrator } = all;
    const own = await runs(nodeOf(all, 'a'));
    const asking = { isOver: false };
    const asks = [...all.nodes.values()].map(async (edge) => {
      while (!asking.isOver) {
        await statusOf(edge);
        await statusOf(edge, largeField);
      }
    });
    try {
      const bad = await upload(orchestrator, trapping(), 'own', oneLineMap);
      const { id } = await startRollout(orchestrator, bad);
      const tried = await reachesState(orchestrator, String(id), 'rolled-back');
      assert.match(
        String(tried['why']),
        /does not take it: module own failed while own was tried .*index\.ts:4:3/,
      );
      const wall = await upload(orchestrator, blocking());
      const second = await startRollout(orchestrator, wall, { guards: { requestsMin: 20 } });
      const judged = await reachesState(orchestrator, String(second['id']), 'rolled-back');
      assert.match(
        String(judged['why']),
        /^[ab]: \d.* of its requests are blocked \(\d+ of \d+\), and before it was 0/,
      );
      assert.equal(judged['told'], 1);
    } finally {
      asking.isOver = true;
      await Promise.all(asks);
    }
    for (const [name, edge] of all.nodes) assert.equal(await runs(edge), own, name);
  });
});
