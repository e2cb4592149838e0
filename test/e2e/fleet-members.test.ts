/**
 * A fleet that grows and shrinks: shipped edges, a shipped orchestrator and a real nats-server, changed with
 * `weir fleet add|remove|publish` as people do it, and told of it by each other.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runCliProcess } from '../support/cli-process.ts';
import type { EdgeProcess } from '../support/edge-process.ts';
import { isLetIn, startFleetEdge } from '../support/fleet-edges.ts';
import { startFleet } from '../support/fleet-folder.ts';
import { needsNats } from '../support/nats-server.ts';
import { startOrchestratorProcess } from '../support/orchestrator-process.ts';
import { until } from '../support/until.ts';

type Status = {
  readonly fleet: { readonly state: string; readonly roster: number; readonly members: number };
  readonly degraded: readonly { readonly part: string; readonly reason: string }[];
};

const statusOf = async (edge: EdgeProcess) =>
  (await edge.call('GET', '/api/v1/status')).body as unknown as Status;
const why = async (edge: EdgeProcess, part: string) =>
  (await statusOf(edge)).degraded.find((one) => one.part === part)?.reason ?? '';
const block = async (edge: EdgeProcess, target: string) => {
  const asked = { target, reason: 'test', ttlSeconds: 3_600, waitMs: 9_000 };
  return (await edge.call('POST', '/api/v1/fleet/blocks', asked)).body;
};

describe('members of a fleet', { skip: needsNats() }, () => {
  it('come, leave in peace, and are thrown out, and nobody copies a file to the others', async () => {
    await using fleet = await startFleet(['a', 'b']);
    const dir = ['--dir', fleet.folder];
    const weir = async (...argv: string[]) => {
      const { exit, stdout, stderr } = await runCliProcess(argv, { cwd: fleet.folder });
      assert.equal(exit, 0, `${argv.join(' ')}: ${stderr}`);
      return stdout;
    };
    await using orchestrator = await startOrchestratorProcess(
      `${fleet.section('orchestrator')}\nnodes: { deadAfterMs: 600000 }`,
    );
    const publish = () =>
      weir('fleet', 'publish', ...dir, '--wait', '30s', '--state', orchestrator.state);
    const nodeState = async (id: string) =>
      String((await orchestrator.call('GET', `/api/v1/nodes/${id}`)).body['state']);
    await using a = await startFleetEdge(fleet, 'a');
    await using b = await startFleetEdge(fleet, 'b');
    for (const edge of [a, b])
      await until('connected', async () => (await statusOf(edge)).fleet.state === 'connected');

    // A new one: its keys, a user at the server, and the others learn of it from itself.
    const added = await weir('fleet', 'add', 'c', ...dir, '--region', 'eu');
    assert.match(added, /c is a member of f, version 2/);
    assert.match(added, /nats-server --signal reload=PID/);
    await fleet.reload();
    await using c = await startFleetEdge(fleet, 'c');
    for (const edge of [a, b, c])
      await until('learnt of c', async () => (await statusOf(edge)).fleet.roster === 2);
    await until('the orchestrator knows c', async () => (await nodeState('c')) === 'active');
    const ofC = await block(c, '203.0.113.1');
    assert.deepEqual([ofC['others'], ofC['acknowledged']], [2, 2]);

    // One whose keys were stolen: what it decided holds on by another's word, what it says now is nothing.
    assert.equal((await block(b, '203.0.113.2'))['acknowledged'], 2);
    const stolen = await weir('fleet', 'remove', 'b', ...dir, '--stolen');
    assert.match(stolen, /nothing it signed counts/);
    assert.match(stolen, /weir fleet publish/);
    assert.match(await publish(), /^version 3 is believed by 3 of 3 members\n$/);
    await until('b knows', async () => /taken out/.test(await why(b, 'fleet membership')));
    assert.match(JSON.stringify(await block(b, '203.0.113.3')), /FLEET_NOT_ALLOWED/);
    assert.equal(await isLetIn(a, '203.0.113.2'), false);
    assert.equal(await isLetIn(a, '203.0.113.3'), true);
    const { entries } = (await orchestrator.call('GET', '/api/v1/blocklist')).body as unknown as {
      entries: { target: string; issuer: string; origin: string }[];
    };
    const again = entries.find(({ target }) => target === '203.0.113.2');
    assert.deepEqual([again?.issuer, again?.origin.startsWith('b: ')], ['orchestrator', true]);
    await fleet.reload();
    await until('b is cut off', async () =>
      /does not take these credentials/.test(await why(b, 'fleet')),
    );

    // In peace: what it decided goes on holding.
    await weir('fleet', 'remove', 'c', ...dir);
    assert.match(await publish(), /^version 4 is believed by 2 of 2 members\n$/);
    await until('c knows', async () => /has left/.test(await why(c, 'fleet membership')));
    assert.equal(await isLetIn(a, '203.0.113.1'), false);
    assert.equal(await nodeState('c'), 'terminating');
    // An old list is not taken back, nor one of another owner.
    const before = await orchestrator.call('POST', '/api/v1/roster', {
      body: { trust: readFileSync(join(fleet.folder, 'trust.json.before'), 'utf8') },
    });
    assert.equal(before.status, 409);
    assert.match(JSON.stringify(before.body), /version 3, and version 4 is believed here/);
  });
});
