/** What behaviour wants blocked, and what becomes of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlockEntry, BlockRequest } from '#admin/control.ts';
import type { FleetBlockRequest } from '#admin/fleet-control.ts';
import type { BehaviourOrder } from '#behaviour/behaviour.ts';
import type { Config } from '#config/schema.ts';
import { BehaviourBlocks, blocksAMinuteMax } from '#roles/behaviour-blocks.ts';
import { createLog } from '#telemetry/log.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';

const config = {
  edge: {
    allow: ['198.51.100.0/24', '2001:db8:a:1::7'],
    trustedProxies: ['10.0.0.0/8'],
    limits: { unlimitedAddresses: ['203.0.113.0/24'] },
    listeners: [{ address: '0.0.0.0:443' }],
  },
  upstreams: { app: { servers: [{ url: 'http://198.18.0.80:8080' }] } },
  admin: { address: '127.0.0.1:9999' },
} as unknown as Config;

const order: BehaviourOrder = {
  ...{ target: '192.0.2.1', why: 'errors', seconds: 300, reason: '50 answers 4xx or 5xx in 60 s' },
};

function bench(standing: Partial<BlockEntry> | null = null) {
  const registry = new MetricRegistry();
  const blocks = new BehaviourBlocks(registry, createLog('silent', 'test'), () => 0);
  const made: BlockRequest[] = [];
  const fleet: FleetBlockRequest[] = [];
  const node = {
    config,
    findBlock: () => standing as BlockEntry | null,
    addBlock: async (request: BlockRequest) => void made.push(request),
    fleet: { addBlock: async (request: FleetBlockRequest) => void fleet.push(request) as never },
  };
  const counted = (result: string) =>
    registry.samples().get(`weir_behaviour_blocks_total{why="errors",result="${result}"}`) ?? 0;
  const block = (change: Partial<BehaviourOrder> = {}, terms: object = {}) =>
    blocks.block(node, { mode: 'block', scope: 'node', ...terms }, { ...order, ...change });
  return { block, made, fleet, counted };
}

describe('a block that behaviour wants', () => {
  it('is an entry of the block list, with behaviour as its origin', async () => {
    const { block, made, fleet, counted } = bench();
    await block();
    const { target, reason } = order;
    const origin = 'behaviour';
    assert.deepEqual(made, [{ target, action: 'drop', ttlSeconds: 300, reason, origin }]);
    assert.deepEqual(fleet, []);
    assert.equal(counted('blocked'), 1);
  });

  it('is the fleet’s where the scope is', async () => {
    const { block, made, fleet } = bench();
    await block({}, { scope: 'fleet' });
    assert.deepEqual(made, []);
    assert.equal(fleet[0]?.origin, 'behaviour');
    assert.equal(fleet[0]?.ttlSeconds, 300);
  });

  for (const target of [
    '127.0.0.1',
    '198.51.100.9',
    '2001:db8:a:1::/64',
    '10.1.2.3',
    '203.0.113.4',
    '198.18.0.80',
    'fe80::/64',
  ])
    it(`is not made of ${target}, which is protected`, async () => {
      const { block, made, counted } = bench();
      await block({ target });
      assert.deepEqual(made, []);
      assert.equal(counted('protected'), 1);
    });

  const later = new Date(Date.now() + 86_400_000).toISOString();
  const standing: readonly (readonly [string, Partial<BlockEntry>, string])[] = [
    ['that lasts longer', { action: 'drop', expiresAt: later }, 'standing'],
    ['without an end', { action: 'drop', expiresAt: null }, 'standing'],
    ['that only watches', { action: 'monitor', expiresAt: null }, 'watched'],
  ];
  for (const [name, entry, result] of standing)
    it(`leaves an entry ${name} as it is`, async () => {
      const { block, made, counted } = bench(entry);
      await block();
      assert.deepEqual(made, []);
      assert.equal(counted(result), 1);
    });

  it('takes the place of one that ends sooner', async () => {
    const { block, made } = bench({ action: 'drop', expiresAt: new Date(0).toISOString() });
    await block();
    assert.equal(made.length, 1);
  });

  it('is only counted in mode monitor', async () => {
    const { block, made, counted } = bench();
    await block({}, { mode: 'monitor' });
    assert.deepEqual(made, []);
    assert.equal(counted('monitored'), 1);
  });

  it('is one of so many a minute', async () => {
    const { block, made, counted } = bench();
    for (let i = 0; i < blocksAMinuteMax + 5; i++)
      await block({ target: `192.0.${2 + (i >> 8)}.${i & 255}` });
    assert.equal(made.length, blocksAMinuteMax);
    assert.equal(counted('budget'), 5);
  });
});
