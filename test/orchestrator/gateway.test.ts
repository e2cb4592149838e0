/** The gateway of an orchestrator to the management API of a real node, and where it does not lead. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseCidr } from '#core/ip.ts';
import { originOf } from '#orchestrator/gateway.ts';
import type { KnownNode } from '#orchestrator/node-registry.ts';
import { startFleetEdge } from '../support/fleet-edges.ts';
import { startFleet } from '../support/fleet-folder.ts';
import { call } from '../support/http-call.ts';
import { needsNats } from '../support/nats-server.ts';
import { startTestOrchestrator } from '../support/orchestrator.ts';
import { until } from '../support/until.ts';

describe('the gateway', { skip: needsNats() }, () => {
  it('leads to the node’s own API by role, and hands no token on', async () => {
    await using fleet = await startFleet(['a']);
    await using edge = await startFleetEdge(fleet, 'a');
    await using orchestrator = await startTestOrchestrator({ yaml: fleet.section('orchestrator') });
    const through = (method: string, path: string, token?: string, body?: unknown) =>
      orchestrator.call(method, `/api/v1/nodes/a/api${path}`, {
        ...(token === undefined ? {} : { token }),
        ...(body === undefined ? {} : { body }),
      });
    await until('registered', async () => {
      const { body } = await orchestrator.call('GET', '/api/v1/nodes/a');
      return (body['state'] as unknown) === 'active';
    });
    const own = await edge.call('GET', '/api/v1/status');
    const status = await through('GET', '/v1/status');
    assert.equal(status.status, 200, JSON.stringify(status.body));
    assert.equal(status.body['pid'] as unknown, own.body['pid']);

    const tokens: Record<string, string> = {};
    for (const role of ['read', 'operate', 'admin']) {
      const made = await orchestrator.call('POST', '/api/v1/tokens', {
        body: { name: role, role },
      });
      tokens[role] = String(made.body['token']);
    }
    const block = { target: '192.0.2.7', reason: 'through the gateway' };
    const cases: readonly (readonly [string, string, string, unknown, number])[] = [
      ['read', 'GET', '/v1/blocks?limit=5', undefined, 200],
      ['read', 'POST', '/v1/blocks', block, 403],
      ['operate', 'POST', '/v1/blocks', block, 200],
      ['operate', 'DELETE', '/v1/blocks/192.0.2.7', undefined, 200],
      ['operate', 'POST', '/v1/modules/core/rollback', undefined, 403],
      ['admin', 'POST', '/v1/modules/none/rollback', undefined, 404],
      ['operate', 'POST', '/v1/blocks', { target: 'nowhere' }, 400],
      ['read', 'GET', '/v1/nothing', undefined, 404],
    ];
    for (const [role, method, path, body, wanted] of cases) {
      const answer = await through(method, path, tokens[role], body);
      assert.equal(
        answer.status,
        wanted,
        `${role} ${method} ${path} ${JSON.stringify(answer.body)}`,
      );
    }
    const named = edge.log.find(
      ({ msg, path }) => msg === 'management call' && path === '/api/v1/blocks',
    );
    assert.equal(named?.['caller'], 'operate by orchestrator');
    const text = JSON.stringify(edge.log);
    for (const token of [orchestrator.token, ...Object.values(tokens)])
      assert.ok(!text.includes(token), 'no token of a caller reaches the node');

    for (const path of [
      '/../../../metrics',
      '/v1/%2e%2e/%2e%2e/metrics',
      '/..%5c..%5cmetrics',
      '/v1/blocks/a%2f..%2fb',
    ]) {
      const { status: code } = await call(
        orchestrator.address,
        'GET',
        `/api/v1/nodes/a/api${path}`,
        { headers: { authorization: `Bearer ${orchestrator.token}`, connection: 'close' } },
      );
      assert.equal(code, 400, path);
    }
    const { body: audit } = await orchestrator.call('GET', '/api/v1/audit?limit=100');
    const paths = Object.values(audit['entries'] ?? {}).filter(
      (entry) => (entry['path'] as unknown) === '/api/v1/nodes/a/api/v1/blocks',
    );
    assert.match(JSON.stringify(paths), /through the gateway/);
    const unknown = await orchestrator.call('GET', '/api/v1/nodes/b/api/v1/status');
    assert.equal(unknown.status, 404);
  });

  it('a node takes no grant of somebody the trust file does not have as an orchestrator', async () => {
    await using fleet = await startFleet(['a']);
    await using edge = await startFleetEdge(fleet, 'a');
    const { admin } = JSON.parse(readFileSync(join(edge.state, 'edge.json'), 'utf8')) as {
      admin: string;
    };
    for (const authorization of ['Weir-Grant', 'Weir-Grant x.y', 'Weir-Grant e30.', 'Bearer x']) {
      const answer = await call(admin, 'GET', '/api/v1/status', {
        headers: { authorization, connection: 'close' },
      });
      assert.equal(answer.status, 401, authorization);
    }
  });
});

describe('where the gateway leads', () => {
  const ranges = ['127.0.0.0/8', '10.0.0.0/8', '::1/128'].flatMap((text) => parseCidr(text) ?? []);
  const node = (admin: string, state: KnownNode['state'] = 'active'): KnownNode => ({
    ...{ id: 'a', state, stateAtMs: 1, registeredAtMs: 1, beatAtMs: 1, told: false, beat: null },
    hello: {
      ...{ v: 1, node: 'a', addresses: [], region: null, tags: [], version: '1', modules: {} },
      ...{ shield: 'accept', startedAtMs: 1, admin },
    },
  });
  for (const [admin, origin] of [
    ['http://127.0.0.1:9999', 'http://127.0.0.1:9999'],
    ['10.1.2.3:9999', 'http://10.1.2.3:9999'],
    ['[::1]:9999', 'http://[::1]:9999'],
  ] as const)
    it(`goes to ${admin}`, () => assert.equal(originOf(node(admin), ranges), origin));

  for (const admin of [
    ...['169.254.169.254:80', '192.168.1.1:9999', '0.0.0.0:9999', '[::]:9999', '10.0.0.1:0'],
    ...['localhost:9999', 'metadata.internal:80', '127.0.0.1.example:80', '2130706433:80'],
    ...['http://127.0.0.1:9999/x', 'https://127.0.0.1:9999', 'http://a@127.0.0.1:9999', '127.1:9'],
    ...[
      '[::ffff:169.254.169.254]:80',
      '[fe80::1]:80',
      '',
      '127.0.0.1',
      '0x7f.0.0.1:80',
      '[::1%lo]:1',
    ],
  ])
    it(`goes not to "${admin}"`, () => {
      assert.throws(() => originOf(node(admin), ranges), { code: 'NODE_ADDRESS_REFUSED' });
    });

  it('asks nobody who is gone', () => {
    assert.throws(() => originOf(node('127.0.0.1:1', 'gone'), ranges), { code: 'NODE_ENDED' });
  });
});
