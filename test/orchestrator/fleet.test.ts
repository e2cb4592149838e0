/** An orchestrator over a real NATS server, with members of the fleet that run as nodes do. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { type FleetFolder, startFleet } from '../support/fleet-folder.ts';
import { startMember } from '../support/fleet-node.ts';
import { needsNats } from '../support/nats-server.ts';
import { startTestOrchestrator, type TestOrchestrator } from '../support/orchestrator.ts';
import { until } from '../support/until.ts';

const yaml = (fleet: FleetFolder, more = '', id = 'orchestrator') =>
  `${fleet.section(id)}\n${more}`;
const stateOf = async (orchestrator: TestOrchestrator, id: string) =>
  (await orchestrator.call('GET', `/api/v1/nodes/${id}`)).body['state'] as unknown;
const reaches = (orchestrator: TestOrchestrator, id: string, state: string) =>
  until(
    () => `${id} is ${state}`,
    async () => (await stateOf(orchestrator, id)) === state,
  );
const leads = (orchestrator: TestOrchestrator) =>
  until('leads', async () => {
    const { body } = await orchestrator.call('GET', '/api/v1/status');
    return body['fleet']?.['isLeader'] as unknown as boolean;
  });
const blockOf = (target: string, more: object = {}) => ({
  body: { target, ttlSeconds: 3_600, reason: 'test', waitMs: 5_000, ...more },
});

/** What a webhook got; answers with the next of `statuses`, 204 after them. */
async function startReceiver(statuses: number[] = []) {
  const received: { readonly body: string; readonly signature: string }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ body, signature: String(request.headers['weir-signature']) });
      response.writeHead(statuses.shift() ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/died`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const secret = 'a'.repeat(40);
function webhookYaml(folder: string, url: string): string {
  const file = join(folder, 'secret');
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  return `webhooks: [{ url: "${url}", secretFile: "${file}", allowInternal: true }]\n`;
}

describe('an orchestrator in its fleet', { skip: needsNats() }, () => {
  it('knows the nodes that were there before it, and those that come', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = startMember(fleet, 'a');
    await until('connected', () => a.bus.state === 'connected');
    await using orchestrator = await startTestOrchestrator({ yaml: yaml(fleet) });
    await reaches(orchestrator, 'a', 'active');
    await using b = startMember(fleet, 'b');
    await reaches(orchestrator, 'b', 'active');
    const list = await orchestrator.call('GET', '/api/v1/nodes');
    assert.deepEqual(
      Object.values(list.body['nodes'] ?? {}).map(({ id }) => id),
      ['a', 'b'],
    );
    const { body: stats } = await orchestrator.call('GET', '/api/v1/fleet');
    assert.deepEqual([stats['nodes']?.['active'], stats['skew']], [2, []]);
    assert.deepEqual(stats['versions']?.[0]?.['nodes'], ['a', 'b']);
    assert.equal((await orchestrator.call('GET', '/api/v1/nodes/c')).status, 404);
    void b;
  });

  it('blocks on every node, says how many hold it, and takes it away again', async () => {
    await using fleet = await startFleet(['a', 'b']);
    await using a = startMember(fleet, 'a');
    await using b = startMember(fleet, 'b');
    await using orchestrator = await startTestOrchestrator({ yaml: yaml(fleet) });
    await reaches(orchestrator, 'a', 'active');
    await reaches(orchestrator, 'b', 'active');
    await leads(orchestrator);
    const added = await orchestrator.call('POST', '/api/v1/blocklist', blockOf('192.0.2.7'));
    assert.deepEqual(added.body['acknowledged'], { nodes: 2, kernels: 0, of: 2 });
    assert.equal(added.body['published'], true);
    assert.deepEqual([a.enforced.get('192.0.2.7'), b.enforced.get('192.0.2.7')], ['drop', 'drop']);
    const imported = await orchestrator.call('POST', '/api/v1/blocklist/import', {
      body: {
        targets: Array.from({ length: 2_500 }, (_, at) => `10.1.${at >> 8}.${at & 255}`),
        action: 'monitor',
        waitMs: 5_000,
      },
    });
    assert.equal(imported.status, 200, JSON.stringify(imported.body));
    assert.deepEqual([imported.body['targets'], imported.body['count']], [2_500, 2_501]);
    await until('held', () => a.enforced.size === 2_501 && b.enforced.size === 2_501);

    const listed: unknown[] = [];
    for (let after: string | null = '0'; after !== null; ) {
      const page = await orchestrator.call('GET', `/api/v1/blocklist?limit=1000&after=${after}`);
      listed.push(...Object.values(page.body['entries'] ?? {}).map(({ target }) => target));
      after = page.body['next'] as unknown as string | null;
    }
    assert.equal(new Set(listed).size, 2_501);

    const removed = await orchestrator.call('DELETE', '/api/v1/blocklist/192.0.2.7');
    assert.equal(removed.status, 200);
    await until('gone', () => !a.enforced.has('192.0.2.7') && !b.enforced.has('192.0.2.7'));
    const bad = await orchestrator.call('POST', '/api/v1/blocklist', blockOf('192.0.2.300'));
    assert.deepEqual([bad.status, bad.body['error']?.['code']], [400, 'BLOCK_TARGET_INVALID']);
  });

  it('decides while the bus is away, and nodes hear of it when it is back', async () => {
    await using fleet = await startFleet(['a']);
    await using a = startMember(fleet, 'a');
    await using orchestrator = await startTestOrchestrator({
      yaml: yaml(fleet),
    });
    await reaches(orchestrator, 'a', 'active');
    await fleet.server.kill();
    await until('away', async () => {
      const { body } = await orchestrator.call('GET', '/api/v1/status');
      return (body['fleet']?.['bus'] as unknown) === 'reconnecting';
    });
    const added = await orchestrator.call(
      'POST',
      '/api/v1/blocklist',
      blockOf('192.0.2.9', { waitMs: 0 }),
    );
    assert.deepEqual([added.status, added.body['published']], [200, false]);
    const drained = await orchestrator.call('POST', '/api/v1/nodes/a/drain');
    assert.deepEqual([drained.status, drained.body['error']?.['code']], [502, 'NODE_UNREACHABLE']);
    await fleet.server.start();
    await until('held', () => a.enforced.has('192.0.2.9'));
  });

  it('drains and terminates by signed commands, and a planned end is no death', async () => {
    await using fleet = await startFleet(['a', 'b']);
    const folder = mkdtempSync(join(tmpdir(), 'weir-hook-'));
    await using receiver = await startReceiver();
    await using a = startMember(fleet, 'a');
    await using b = startMember(fleet, 'b');
    await using orchestrator = await startTestOrchestrator({
      yaml: yaml(fleet, webhookYaml(folder, receiver.url)),
      deadAfterMs: 2_500,
    });
    await reaches(orchestrator, 'a', 'active');
    await reaches(orchestrator, 'b', 'active');
    await leads(orchestrator);
    const drained = await orchestrator.call('POST', '/api/v1/nodes/a/drain');
    assert.deepEqual([drained.status, drained.body['state']], [200, 'draining']);
    const ended = await orchestrator.call('POST', '/api/v1/nodes/b/terminate', {
      body: { graceMs: 700 },
    });
    assert.deepEqual([ended.status, ended.body['state']], [200, 'terminating']);
    await until('obeyed', () => a.commands.length === 1 && b.commands.length === 1);
    assert.deepEqual(
      [a.commands[0]?.kind, b.commands[0]?.kind, b.commands[0]?.graceMs, a.commands[0]?.origin],
      ['drain', 'terminate', 700, 'owner'],
    );
    await a.stop();
    await b.stop();
    await reaches(orchestrator, 'a', 'gone');
    await reaches(orchestrator, 'b', 'gone');
    assert.deepEqual(receiver.received, []);
    const again = await orchestrator.call('POST', '/api/v1/nodes/a/drain');
    assert.deepEqual([again.status, again.body['error']?.['code']], [409, 'NODE_ENDED']);
    rmSync(folder, { recursive: true });
  });

  it('tells of a death nobody meant, signed, again until it is taken, and not of it twice', async () => {
    await using fleet = await startFleet(['a']);
    const folder = mkdtempSync(join(tmpdir(), 'weir-hook-'));
    await using receiver = await startReceiver([500]);
    await using a = startMember(fleet, 'a');
    await using orchestrator = await startTestOrchestrator({
      yaml: yaml(fleet, webhookYaml(folder, receiver.url)),
      deadAfterMs: 2_500,
    });
    await reaches(orchestrator, 'a', 'active');
    await leads(orchestrator);
    // As kill -9: not a word more.
    await a.bus.close();
    await reaches(orchestrator, 'a', 'dead');
    await until('told', () => receiver.received.length === 2);
    const [first, second] = receiver.received;
    assert.equal(first?.body, second?.body);
    const { event, node, fleet: name } = JSON.parse(first?.body ?? '') as Record<string, unknown>;
    assert.deepEqual([event, node, name], ['node.dead', 'a', 'f']);
    const [, seconds = '', mac = ''] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(second?.signature ?? '') ?? [];
    assert.equal(
      createHmac('sha256', secret).update(`${seconds}.${second?.body}`).digest('hex'),
      mac,
    );
    rmSync(folder, { recursive: true });
  });

  it('one of two leads, the other reads and says who leads, and leads when the first has gone', async () => {
    await using fleet = await startFleet(['a'], 'f', ['orchestrator', 'second']);
    await using first = await startTestOrchestrator({ yaml: yaml(fleet) });
    await leads(first);
    await using second = await startTestOrchestrator({ yaml: yaml(fleet, '', 'second') });
    const leaderOf = async (of: TestOrchestrator) =>
      (await of.call('GET', '/api/v1/status')).body['fleet']?.['leader']?.['id'] as unknown;
    await until('knows', async () => (await leaderOf(second)) === 'orchestrator');
    assert.equal((await second.call('GET', '/api/v1/blocklist')).status, 200);
    const refused = await second.call('POST', '/api/v1/blocklist', blockOf('192.0.2.1'));
    assert.deepEqual([refused.status, refused.body['error']?.['code']], [409, 'NOT_LEADER']);
    assert.match(JSON.stringify(refused.body), new RegExp(first.address));
    const added = await first.call(
      'POST',
      '/api/v1/blocklist',
      blockOf('192.0.2.1', { waitMs: 0 }),
    );
    assert.equal(added.status, 200);
    await until('told', async () => {
      const { body } = await second.call('GET', '/api/v1/blocklist');
      return (body['count'] as unknown) === 1;
    });
    await first.stop();
    await leads(second);
    const now = await second.call('POST', '/api/v1/blocklist', blockOf('192.0.2.2', { waitMs: 0 }));
    assert.equal(now.status, 200);
  });

  it('remembers nodes over a restart, and gives them time to be heard', async () => {
    await using fleet = await startFleet(['a']);
    await using a = startMember(fleet, 'a');
    await using first = await startTestOrchestrator({ yaml: yaml(fleet) });
    await reaches(first, 'a', 'active');
    await first.stop();
    await a.stop();
    await fleet.server.kill();
    await using again = await startTestOrchestrator({
      yaml: yaml(fleet),
      folder: join(first.state, '..'),
    });
    assert.equal(await stateOf(again, 'a'), 'active');
  });
});
