/** Shipped edges and a real nats-server: what one node is told holds at all of them, and goes on holding. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect, nkeyAuthenticator } from 'nats';
import { encodeBatch } from '#decisions/batch.ts';
import { encodeCommand } from '#fleet/command.ts';
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

  it('five edges: a block of one is refused at all, one that starts late has it, and its end too', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    await using fleet = await startFleet(names);
    await using group = await startAll(names.slice(0, 4), (name) => startFleetEdge(fleet, name));
    const [first, , third] = group.edges as [EdgeProcess, EdgeProcess, EdgeProcess];
    for (const edge of group.edges) await until('connected', () => isConnected(edge));
    const { body } = await add(third, '2001:db8::/32', 9_000);
    assert.equal(body['acknowledged'], 3, JSON.stringify(body));
    for (const edge of group.edges) assert.equal(await isLetIn(edge, '2001:db8::7'), false);
    await using late = await startFleetEdge(fleet, 'e');
    await until('late has it', async () => !(await isLetIn(late, '2001:db8::7')));
    const gone = await remove(first, '2001:db8::/32');
    assert.equal(gone.body['acknowledged'], 4, JSON.stringify(gone.body));
    for (const edge of [...group.edges, late])
      assert.equal(await isLetIn(edge, '2001:db8::7'), true);
  });

  it('goes on without a bus, through a restart, and what was decided then comes to all', async () => {
    await using fleet = await startFleet(['a', 'b', 'c']);
    const state = mkdtempSync(join(tmpdir(), 'weir-state-'));
    await using a = await startFleetEdge(fleet, 'a');
    {
      await using b = await startFleetEdge(fleet, 'b', state);
      await until('connected', async () => (await isConnected(a)) && (await isConnected(b)));
      assert.equal((await add(a, '203.0.113.1')).body['acknowledged'], 1);
    }
    await fleet.server.kill();
    await until('a is alone', async () => !(await isConnected(a)));
    await using b = await startFleetEdge(fleet, 'b', state);
    assert.equal(await isLetIn(b, '203.0.113.1'), false, 'known before the restart');
    assert.equal(await isLetIn(b, '203.0.113.9'), true);
    const status = (await b.call('GET', '/api/v1/status')).body;
    const degraded = status['degraded'] as { part: string; reason: string }[];
    assert.match(JSON.stringify(degraded), /what is known is enforced/);
    assert.match(String((await fleetOf(b))['reason']), /connection refused|not connected yet/);
    const alone = await add(b, '203.0.113.2', 0);
    assert.deepEqual([alone.status, alone.body['published']], [200, false]);
    assert.equal(await isLetIn(b, '203.0.113.2'), false);
    await fleet.server.start();
    await until('a has it', async () => !(await isLetIn(a, '203.0.113.2')));
    await using c = await startFleetEdge(fleet, 'c');
    for (const client of ['203.0.113.1', '203.0.113.2'])
      await until('the joiner has all', async () => !(await isLetIn(c, client)));
    assert.equal((await remove(c, '203.0.113.1')).body['acknowledged'], 2);
    assert.equal(await isLetIn(b, '203.0.113.1'), true);
    await b[Symbol.asyncDispose]();
    rmSync(state, { recursive: true, force: true });
  });

  it('a server that comes back without its store unblocks nobody', async () => {
    await using fleet = await startFleet(['a', 'b', 'c']);
    await using a = await startFleetEdge(fleet, 'a');
    await using b = await startFleetEdge(fleet, 'b');
    await until('connected', async () => (await isConnected(a)) && (await isConnected(b)));
    await add(a, '203.0.113.3');
    await fleet.server.kill();
    fleet.server.wipe();
    await fleet.server.start();
    await until('again', async () => (await isConnected(a)) && (await isConnected(b)));
    await using c = await startFleetEdge(fleet, 'c');
    await until('peers fill a joiner', async () => !(await isLetIn(c, '203.0.113.3')));
    for (const edge of [a, b]) assert.equal(await isLetIn(edge, '203.0.113.3'), false);
  });

  it('what a stolen bus key publishes changes nothing at any edge', async () => {
    await using fleet = await startFleet(['a', 'b', 'c']);
    await using a = await startFleetEdge(fleet, 'a');
    await until('connected', () => isConnected(a));
    const connection = await connect({
      servers: fleet.server.url,
      authenticator: nkeyAuthenticator(fleet.seed('b')),
      inboxPrefix: '_INBOX_b',
    });
    const key = (id: string) =>
      createPrivateKey(readFileSync(join(fleet.folder, id, 'signing.key')));
    const now = Date.now();
    const batch = (change: object, signer = 'b', of = 'f') => {
      const at = { ms: now, counter: 0 };
      const decision = {
        ...{ target: '203.0.113.4', action: 'drop' as const, at, reason: '', origin: 'x' },
        ...{ expiresAtMs: now + 60_000, shadowUntilMs: now + 60_000 },
      };
      const sequence = Math.floor(now / 60_000) * 2 ** 20;
      const good = {
        ...{ issuer: 'b', sequence, issuedAtMs: now, expiresAtMs: now + 60_000 },
        decisions: [decision],
      };
      return encodeBatch({ ...good, ...change }, of, key(signer));
    };
    const forged: readonly (readonly [string, Uint8Array])[] = [
      ['of another, signed with its own key', batch({ issuer: 'c' })],
      ['of itself, signed by another', batch({}, 'c')],
      ['of another fleet', batch({}, 'b', 'g')],
      ['of somebody unknown', batch({ issuer: 'x' })],
      ['that has ended', batch({ issuedAtMs: now - 120_000, expiresAtMs: now - 60_000 })],
      ['of the far future', batch({ issuedAtMs: now + 3_600_000, expiresAtMs: now + 3_660_000 })],
      ['beyond its budget', batch({ sequence: Math.floor(now / 60_000) * 2 ** 20 + 1_000_000 })],
      ['cut short', batch({}).subarray(0, 90)],
      ['with a bit turned', turned(batch({}))],
      ['that is text', Buffer.from('{"target":"203.0.113.4"}')],
    ];
    for (const [, bytes] of forged) connection.publish('weir.f.d.b', bytes);
    await connection.flush();
    const refused = async () =>
      Object.values((await fleetOf(a))['refused'] as Record<string, number>).reduce(
        (sum, count) => sum + count,
        0,
      );
    await until('all refused', async () => (await refused()) === forged.length);
    assert.equal(await isLetIn(a, '203.0.113.4'), true);
    assert.equal((await fleetOf(a))['entries'], 0);
    // The same with everything right: the test would see it.
    connection.publish('weir.f.d.b', batch({}));
    await until('taken', async () => !(await isLetIn(a, '203.0.113.4')));
    await connection.close();
  });

  it('an upgrade hands the fleet over: what was decided holds, and more is taken', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = await startFleetEdge(fleet, 'a');
    await using b = await startFleetEdge(fleet, 'b');
    await until('connected', async () => (await isConnected(a)) && (await isConnected(b)));
    await add(b, '203.0.113.5');
    const upgraded = await a.call('POST', '/api/v1/upgrade');
    assert.equal(upgraded.status, 200, JSON.stringify(upgraded.body));
    assert.equal(await isLetIn(a, '203.0.113.5'), false);
    await until('connected', () => isConnected(a));
    await until(
      'heard',
      async () => (await add(b, '203.0.113.6', 2_000)).body['acknowledged'] === 1,
    );
    assert.equal(await isLetIn(a, '203.0.113.6'), false);
  });

  it('obeys an order of the control plane, and one that is not signed by it is none', async () => {
    await using fleet = await startFleet(['a']);
    await using a = await startFleetEdge(fleet, 'a');
    await until('connected', () => isConnected(a));
    const connection = await connect({
      servers: fleet.server.url,
      authenticator: nkeyAuthenticator(fleet.seed('orchestrator')),
      inboxPrefix: '_INBOX_orchestrator',
    });
    const order = (member: string) =>
      encodeCommand(
        {
          ...{ v: 1, fleet: 'f', issuer: 'orchestrator', node: 'a', sequence: 1 },
          ...{ issuedAtMs: Date.now(), expiresAtMs: Date.now() + 60_000 },
          ...{ kind: 'terminate', graceMs: 0, origin: 'test' },
        },
        createPrivateKey(readFileSync(join(fleet.folder, member, 'signing.key'))),
      );
    const states: string[] = [];
    connection.subscribe('weir.f.n.a.beat', {
      callback: (_, message) => states.push(message.json<{ state: string }>().state),
    });
    connection.publish('weir.f.o.a', order('a'));
    await until('refused', async () =>
      JSON.stringify((await fleetOf(a))['refused']).includes('command-unsigned'),
    );
    const answer = await connection.request('weir.f.o.a', order('orchestrator'));
    assert.equal(answer.json<{ taken: boolean }>().taken, true);
    assert.equal(await a.exit, 0);
    assert.deepEqual(
      states.slice(-2),
      ['draining', 'ending'],
      'the others are told that it was meant',
    );
    await connection.close();
  });

  it('what the node lives by is not blocked by the fleet, and without one there is none', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = await startFleetEdge(fleet, 'a', null, ', neverBlock: [198.51.100.0/24]');
    await using b = await startFleetEdge(fleet, 'b');
    await until('connected', async () => (await isConnected(a)) && (await isConnected(b)));
    assert.equal((await add(a, '127.0.0.1')).status, 403);
    assert.equal((await add(b, '198.51.100.7')).body['acknowledged'], 1);
    assert.equal(await isLetIn(a, '198.51.100.7'), true, 'kept, and spared here');
    assert.equal(await isLetIn(b, '198.51.100.7'), false);
    assert.equal((await fleetOf(a))['spared'], 1);
  });
});

function turned(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  copy[60] = (copy[60] as number) ^ 1;
  return copy;
}

async function startAll(
  names: readonly string[],
  start: (name: string) => Promise<EdgeProcess>,
): Promise<AsyncDisposable & { readonly edges: readonly EdgeProcess[] }> {
  const edges: EdgeProcess[] = [];
  // One after another: two cores.
  for (const name of names) edges.push(await start(name));
  return {
    edges,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(edges.map((edge) => edge[Symbol.asyncDispose]()));
    },
  };
}
