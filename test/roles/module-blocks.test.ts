/** A module's blocks at the node: one budget for all workers, and nothing that others decided is undone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlockEntry, BlockRequest } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import { createLog } from '#telemetry/log.ts';
import { MetricRegistry } from '#telemetry/metrics.ts';
import { blocksAMinuteMax } from '#wasm/services/block-requests.ts';
import { ModuleBlocks } from '../../src/roles/module-blocks.ts';

function bench(entries: readonly Partial<BlockEntry>[] = []) {
  const registry = new MetricRegistry();
  const blocks = new ModuleBlocks(registry, createLog('silent', 'test'));
  const added: BlockRequest[] = [];
  let fails = false;
  const config = {
    edge: {
      allow: [],
      trustedProxies: ['10.0.0.0/8'],
      limits: { unlimitedAddresses: ['192.0.2.0/24'] },
      listeners: [{ address: '0.0.0.0:443' }, { address: '[2001:db8::443]:443' }],
    },
    upstreams: { app: { servers: [{ url: 'http://198.51.101.80:8080' }] } },
    admin: { address: '203.0.113.9:9999' },
  } as unknown as Config;
  const node = {
    config,
    findBlock: (target: string) =>
      (entries.find((entry) => entry.target === target) as BlockEntry | undefined) ?? null,
    addBlock: async (request: BlockRequest) => {
      if (fails) throw new Error('the disk is full');
      added.push(request);
    },
  };
  const block = (address: string, ttlSeconds = 60, module = 'm') =>
    blocks.block(node, { module, address, ttlSeconds, reason: 'why' });
  const count = (result: string) =>
    registry.samples().get(`weir_module_blocks_total{module="m",result="${result}"}`);
  return {
    added,
    block,
    count,
    breakDisk: () => {
      fails = true;
    },
  };
}

describe('a block that a module wants', () => {
  it('is one of the node, with the module as its origin', async () => {
    const { added, block } = bench();
    await block('198.51.100.1');
    assert.deepEqual(added, [
      { target: '198.51.100.1', action: 'drop', ttlSeconds: 60, reason: 'why', origin: 'module:m' },
    ]);
  });

  for (const address of [
    '127.0.0.1',
    '::1',
    '10.1.2.3',
    '192.0.2.200',
    '2001:db8::443',
    '203.0.113.9',
    '198.51.101.80',
  ])
    it(`of ${address} comes to nothing`, async () => {
      const { added, block } = bench();
      await block(address);
      assert.deepEqual(added, []);
    });

  it('leaves one that lasts longer, and replaces one that ends sooner', async () => {
    const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();
    const { added, block } = bench([
      { target: '198.51.100.1', expiresAt: null },
      { target: '198.51.100.2', expiresAt: inSeconds(3_600) },
      { target: '198.51.100.3', expiresAt: inSeconds(5) },
    ]);
    for (let i = 1; i <= 3; i++) await block(`198.51.100.${i}`);
    assert.deepEqual(
      added.map(({ target }) => target),
      ['198.51.100.3'],
    );
  });

  it('leaves one that only watches, and is counted', async () => {
    const soon = new Date(Date.now() + 5_000).toISOString();
    const { added, block, count } = bench([
      { target: '198.51.100.1', action: 'monitor', expiresAt: null },
      { target: '198.51.100.2', action: 'monitor', expiresAt: soon },
    ]);
    for (let i = 1; i <= 2; i++) await block(`198.51.100.${i}`);
    assert.deepEqual(added, []);
    assert.equal(count('watched'), 2);
  });

  it('is one of a hundred a minute, whichever workers they come from', async () => {
    const { added, block, count } = bench();
    for (let i = 0; i < blocksAMinuteMax + 20; i++)
      await block(`198.51.${100 + (i >> 8)}.${i & 255}`);
    // The minute may have turned over in between; then some more were let through.
    assert.ok(added.length >= blocksAMinuteMax);
    assert.equal(added.length + (count('node-budget') ?? 0), blocksAMinuteMax + 20);
    await block('203.0.113.77', 60, 'other');
    assert.equal(added.at(-1)?.target, '203.0.113.77');
  });

  it('is counted where it cannot be kept', async () => {
    const { block, count, breakDisk } = bench();
    breakDisk();
    await block('198.51.100.1');
    assert.equal(count('failed'), 1);
  });
});
