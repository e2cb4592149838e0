/** Shipped edges and a real nats-server: what one node is told holds at all of them, and goes on holding. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { EdgeProcess } from '../support/edge-process.ts';
import { isLetIn, startFleetEdge } from '../support/fleet-edges.ts';
import { startFleet } from '../support/fleet-folder.ts';
import { needsNats } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const add = (edge: EdgeProcess, target: string, waitMs = 5_000) =>
  edge.call('POST', '/api/v1/fleet/blocks', { target, reason: 'test', ttlSeconds: 3_600, waitMs });
const remove = (edge: EdgeProcess, target: string) =>
  edge.call('DELETE', `/api/v1/fleet/blocks/${encodeURIComponent(target)}?waitMs=5000`);
const fleetOf = async (edge: EdgeProcess) =>
  (await edge.call('GET', '/api/v1/status')).body['fleet'] as Record<string, unknown>;
const isConnected = async (edge: EdgeProcess) => (await fleetOf(edge))['state'] === 'connected';

describe('edges in a fleet', { skip: needsNats() }, () => {
  it('two edges: a block and its end hold at both', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = await startFleetEdge(fleet, 'a');
    await using b = await startFleetEdge(fleet, 'b');
    await until('connected', async () => (await isConnected(a)) && (await isConnected(b)));
    assert.equal(await isLetIn(b, '203.0.113.7'), true);
    const { status, body } = await add(a, '203.0.113.7');
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(
      [body['others'], body['acknowledged'], body['published'], body['workers']],
      [1, 1, true, 1],
    );
    assert.equal(await isLetIn(a, '203.0.113.7'), false);
    assert.equal(await isLetIn(b, '203.0.113.7'), false);
    assert.equal(await isLetIn(b, '203.0.113.8'), true);
    const gone = await remove(b, '203.0.113.7');
    assert.deepEqual([gone.body['removed'], gone.body['acknowledged']], [true, 1]);
    assert.equal(await isLetIn(a, '203.0.113.7'), true);
    assert.equal(await isLetIn(b, '203.0.113.7'), true);
  });
});
