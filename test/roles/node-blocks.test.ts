/** The block list of a node: its own list and its fleet's decisions, in force together and taken away apart. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BlockRequest } from '#admin/control.ts';
import type { DecisionLog } from '#decisions/decision-log.ts';
import { type ListAction, ListedBlocks } from '#feeds/listed-blocks.ts';
import { stronger } from '#roles/block-sources.ts';
import { listSizesDefault } from '#roles/list-room.ts';
import { EnforcingNode } from '../support/enforcing-node.ts';
import { FleetMembers } from '../support/fleet-members.ts';
import { propertySettings } from '../support/property.ts';

const hour = 3_600_000;
const own = (target: string, more: Partial<BlockRequest> = {}): BlockRequest => ({
  ...{ target, ttlSeconds: null, reason: 'own', origin: 'operator', ...more },
});

/** A node with a fleet of one other member, which decides. */
class Scene {
  readonly fleet = new FleetMembers(['node', 'other'], {}, Date.now());
  readonly log: DecisionLog;
  readonly node: EnforcingNode;

  constructor(sizes: ConstructorParameters<typeof EnforcingNode>[2] = null) {
    this.log = this.fleet.log('node');
    this.node = new EnforcingNode(this.fleet.folderOf('node'), this.log.enforced, sizes);
  }

  async say(action: 'drop' | 'monitor' | 'clear', target: string, livesMs = hour) {
    const expiresAtMs = Date.now() + livesMs;
    const request = { target, action, expiresAtMs, reason: 'fleet', origin: 'test' };
    for (const { bytes } of this.fleet.log('other').issue([request], Date.now()).batches) {
      const result = this.log.accept(bytes, Date.now());
      if (result.kind === 'applied') await this.node.blocks.changeFleet(result.change);
    }
  }

  [Symbol.dispose](): void {
    this.node[Symbol.dispose]();
    this.fleet[Symbol.dispose]();
  }
}

const bothHave = (node: EnforcingNode, entries: readonly (readonly [string, string])[]): void => {
  assert.deepEqual([...node.workers].sort(), [...entries].sort());
  assert.deepEqual([...node.kernel].sort(), [...entries].sort());
};

describe('a node in a fleet', () => {
  it('enforces what the fleet decided, and says where it comes from', async () => {
    using scene = new Scene();
    await scene.node.blocks.add(own('192.0.2.1'));
    await scene.say('drop', '192.0.2.2');
    await scene.say('monitor', '198.51.100.0/24');
    bothHave(scene.node, [
      ['192.0.2.1', 'drop'],
      ['192.0.2.2', 'drop'],
      ['198.51.100.0/24', 'monitor'],
    ]);
    const { count, entries } = await scene.node.blocks.list({ limit: 10, after: null });
    assert.equal(count, 3);
    assert.deepEqual(
      entries.map(({ target, scope, issuer, reason }) => [target, scope, issuer, reason]),
      [
        ['192.0.2.1', 'node', null, 'own'],
        ['192.0.2.2', 'fleet', 'other', 'fleet'],
        ['198.51.100.0/24', 'fleet', 'other', 'fleet'],
      ],
    );
    assert.deepEqual(scene.node.blocks.status(), { count: 3, version: 3, fleet: 2 });
  });

  it('takes away of a target what its own list says, and the fleet holds it, and the other way round', async () => {
    using scene = new Scene();
    const { blocks } = scene.node;
    for (const target of ['192.0.2.1', '192.0.2.2']) {
      await blocks.add(own(target));
      await scene.say('drop', target);
    }
    assert.equal(blocks.count, 2);
    const answer = await blocks.remove('192.0.2.1');
    assert.deepEqual([answer.removed, answer.fleetIssuer, answer.count], [true, 'other', 2]);
    await scene.say('clear', '192.0.2.2');
    bothHave(scene.node, [
      ['192.0.2.1', 'drop'],
      ['192.0.2.2', 'drop'],
    ]);
    await scene.say('clear', '192.0.2.1');
    const last = await blocks.remove('192.0.2.2');
    assert.deepEqual([last.removed, last.fleetIssuer, last.count], [true, null, 0]);
    bothHave(scene.node, []);
    assert.equal(blocks.counts.ipv4Addresses, 0);
  });

  it('drops where one says drop and the other says monitor, until that one lets go', async () => {
    using scene = new Scene();
    const { blocks } = scene.node;
    await blocks.add(own('192.0.2.1', { action: 'monitor' }));
    await scene.say('drop', '192.0.2.1');
    bothHave(scene.node, [['192.0.2.1', 'drop']]);
    await scene.say('clear', '192.0.2.1');
    bothHave(scene.node, [['192.0.2.1', 'monitor']]);
    await scene.say('monitor', '192.0.2.1');
    await blocks.add(own('192.0.2.1'));
    bothHave(scene.node, [['192.0.2.1', 'drop']]);
    await blocks.remove('192.0.2.1');
    bothHave(scene.node, [['192.0.2.1', 'monitor']]);
    assert.equal(blocks.find('192.0.2.1')?.scope, 'fleet');
  });

  it('keeps what one holds when what the other said has ended', async (test) => {
    using scene = new Scene();
    const { blocks } = scene.node;
    await blocks.add(own('192.0.2.1', { ttlSeconds: 60 }));
    await scene.say('monitor', '192.0.2.1', 2 * hour);
    await blocks.add(own('192.0.2.2'));
    await scene.say('drop', '192.0.2.2', 60_000);
    await scene.say('drop', '192.0.2.3', 60_000);
    test.mock.timers.enable({ apis: ['Date'], now: Date.now() + 61_000 });
    await blocks.expire();
    bothHave(scene.node, [
      ['192.0.2.1', 'monitor'],
      ['192.0.2.2', 'drop'],
    ]);
    assert.deepEqual(blocks.status(), { count: 2, version: blocks.version, fleet: 1 });
  });

  it('has all of it when it starts', async () => {
    using scene = new Scene();
    await scene.say('drop', '192.0.2.1');
    await scene.say('drop', '192.0.2.2');
    await scene.node.blocks.add(own('192.0.2.2', { ttlSeconds: 60 }));
    await scene.node.blocks.add(own('192.0.2.3'));
    scene.node[Symbol.dispose]();
    const log = scene.fleet.restart('node', Date.now());
    using again = new EnforcingNode(scene.fleet.folderOf('node'), log.enforced);
    assert.equal(again.blocks.count, 3);
    bothHave(again, [
      ['192.0.2.1', 'drop'],
      ['192.0.2.2', 'drop'],
      ['192.0.2.3', 'drop'],
    ]);
    const ends = new Map(again.blocks.items().items.map((item) => [item.target, item.expiresAtMs]));
    assert.ok((ends.get('192.0.2.2') ?? 0) > Date.now() + 120_000, 'the later end is the stronger');
    assert.equal(ends.get('192.0.2.3'), null);
  });

  it('lists page after page, the own ones first', async () => {
    using scene = new Scene();
    await scene.node.blocks.import(
      { ...own(''), action: 'drop', targets: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] },
      () => {},
    );
    for (const index of [4, 5, 6, 7]) await scene.say('drop', `192.0.2.${index}`);
    const seen: string[] = [];
    let after: string | null = null;
    let pages = 0;
    do {
      const page = await scene.node.blocks.list({ limit: 2, after });
      seen.push(...page.entries.map(({ target }) => target));
      after = page.next;
      pages++;
    } while (after !== null);
    assert.deepEqual(
      seen,
      [1, 2, 3, 4, 5, 6, 7].map((index) => `192.0.2.${index}`),
    );
    assert.equal(pages, 4);
    await assert.rejects(scene.node.blocks.list({ limit: 2, after: 'fleet/x' }), {
      code: 'BLOCK_CURSOR_INVALID',
    });
  });

  it('holds at accept what the kernel has no room for, says so, and lets it in when there is room', async () => {
    using scene = new Scene({ ...listSizesDefault, ipv4Addresses: 2 });
    const { blocks } = scene.node;
    await blocks.add(own('192.0.2.1'));
    await scene.say('drop', '192.0.2.2');
    await scene.say('drop', '192.0.2.3');
    assert.equal(scene.node.workers.size, 3);
    assert.deepEqual([...scene.node.kernel.keys()].sort(), ['192.0.2.1', '192.0.2.2']);
    assert.match(
      scene.node.degraded.get('kernel lists') ?? '',
      /the 1 that do not fit hold at accept/,
    );
    await assert.rejects(blocks.add(own('192.0.2.4')), { code: 'BLOCK_LIST_FULL' });
    await blocks.remove('192.0.2.1');
    await blocks.expire();
    assert.deepEqual([...scene.node.kernel.keys()].sort(), ['192.0.2.2', '192.0.2.3']);
    assert.equal(scene.node.degraded.size, 0);
  });

  it('enforces the union after any changes of the two', async (test) => {
    const target = fc.constantFrom('192.0.2.1', '198.51.100.0/24', '2001:db8::1');
    const action = fc.constantFrom('drop' as const, 'monitor' as const);
    const step = fc.oneof(
      fc.record({ who: fc.constant('own' as const), target, action: fc.option(action) }),
      fc.record({ who: fc.constant('fleet' as const), target, action: fc.option(action) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        using scene = new Scene(listSizesDefault);
        const model = { own: new Map<string, string>(), fleet: new Map<string, string>() };
        for (const { who, target, action } of steps) {
          if (action === null) model[who].delete(target);
          else model[who].set(target, action);
          if (who === 'fleet') await scene.say(action ?? 'clear', target);
          else if (action === null) await scene.node.blocks.remove(target);
          else await scene.node.blocks.add(own(target, { action }));
        }
        const named = new Set([...model.own.keys(), ...model.fleet.keys()]);
        const union = [...named].map((one): [string, string] => {
          const said = [model.own.get(one), model.fleet.get(one)];
          return [one, said.includes('drop') ? 'drop' : 'monitor'];
        });
        bothHave(scene.node, union);
        assert.equal(scene.node.blocks.count, named.size);
        const { counts } = scene.node.blocks;
        assert.equal(
          Object.values(counts).reduce((sum, count) => sum + count, 0),
          named.size,
        );
      }),
      propertySettings(test, 30),
    );
  });
});

describe('what lists say is challenged', () => {
  const sizes = { ...listSizesDefault, ipv4Addresses: 2 };
  const targets = [1, 2, 3, 4].map((last) => `192.0.2.${last}`);

  /** A node that follows one list, whose entries are as they are said. */
  class Following {
    readonly fleet = new FleetMembers(['node'], {}, Date.now());
    readonly lists = new ListedBlocks();
    readonly node: EnforcingNode;

    constructor(entries: readonly (readonly [string, ListAction])[] = []) {
      this.lists.replace('feed:a', entriesOf(entries));
      this.node = new EnforcingNode(this.fleet.folderOf('node'), null, sizes, this.lists);
    }

    async say(entries: readonly (readonly [string, ListAction])[]): Promise<void> {
      await this.node.blocks.changeLists(this.lists.replace('feed:a', entriesOf(entries)));
    }

    [Symbol.dispose](): void {
      this.node[Symbol.dispose]();
      this.fleet[Symbol.dispose]();
    }
  }

  const entriesOf = (entries: readonly (readonly [string, ListAction])[]) =>
    new Map(
      entries.map(([target, action]) => [
        target,
        { action, reason: 'listed', atMs: 1, expiresAtMs: null },
      ]),
    );
  const challenged = targets.map((target) => [target, 'challenge'] as const);

  it('takes none of the room of the kernel, and is not in it', async () => {
    using scene = new Following();
    const { blocks, kernel, workers, degraded } = scene.node;
    await scene.say(challenged);
    assert.deepEqual([kernel.size, workers.size, blocks.counts.ipv4Addresses], [0, 4, 0]);
    assert.equal(degraded.size, 0);
    await blocks.add(own('198.51.100.1'));
    await blocks.add(own(targets[0] ?? ''));
    assert.deepEqual([...kernel.keys()].sort(), ['192.0.2.1', '198.51.100.1']);
    assert.equal(blocks.counts.ipv4Addresses, 2);
    await assert.rejects(blocks.add(own(targets[1] ?? '')), { code: 'BLOCK_LIST_FULL' });
    await blocks.remove(targets[0] ?? '');
    assert.equal(workers.get('192.0.2.1'), 'challenge');
    await blocks.add(own(targets[1] ?? ''));
    assert.deepEqual([...kernel.keys()].sort(), ['192.0.2.2', '198.51.100.1']);
  });

  it('takes room when a list comes to drop it, as far as there is any', async () => {
    using scene = new Following(challenged);
    const { blocks, kernel, degraded } = scene.node;
    assert.equal(blocks.counts.ipv4Addresses, 0);
    await scene.say(targets.map((target) => [target, 'drop']));
    assert.deepEqual([...kernel.values()], ['drop', 'drop']);
    assert.match(degraded.get('kernel lists') ?? '', /the 2 that do not fit hold at accept/);
    await scene.say(challenged);
    assert.deepEqual([kernel.size, blocks.counts.ipv4Addresses, degraded.size], [0, 0, 0]);
  });

  it('is counted right after any changes of list and node', async (test) => {
    const target = fc.constantFrom(...targets, '198.51.100.0/24', '2001:db8::1');
    const said = fc.constantFrom('drop', 'challenge', 'monitor') as fc.Arbitrary<ListAction>;
    const entries = fc.uniqueArray(fc.tuple(target, said), { selector: ([one]) => one });
    const made = fc.record({ target, action: fc.constantFrom('drop', 'monitor', null) });
    const step = fc.oneof(fc.tuple(entries, fc.constant(null)), fc.tuple(fc.constant(null), made));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        using scene = new Following();
        const { blocks, kernel, workers } = scene.node;
        for (const [listed, asked] of steps) {
          if (asked === null) await scene.say(listed ?? []);
          else if (asked.action === null) await blocks.remove(asked.target);
          else
            await blocks
              .add(own(asked.target, { action: asked.action }))
              .catch((error: Error & { code: string }) =>
                assert.equal(error.code, 'BLOCK_LIST_FULL', error.message),
              );
          await blocks.expire();
          const forKernel = [...workers].filter(([, action]) => action !== 'challenge');
          const fits = (of: string): boolean => !of.includes(':') && !of.includes('/');
          const single = forKernel.filter(([of]) => fits(of)).length;
          const inKernel = [...kernel.keys()].filter(fits).length;
          assert.equal(blocks.counts.ipv4Addresses, single);
          assert.equal(inKernel, Math.min(single, sizes.ipv4Addresses));
          assert.equal(kernel.size - inKernel, forKernel.length - single);
        }
      }),
      propertySettings(test, 60),
    );
  });
});

describe('of two entries on one target', () => {
  const now = 1_000;
  const item = (action: 'drop' | 'monitor', expiresAtMs: number | null) => ({
    ...{ target: '192.0.2.1', action, expiresAtMs },
  });
  const cases = [
    ['dropping is stronger than watching', item('drop', 2_000), item('monitor', null), 0],
    ['a later end is stronger', item('drop', 2_000), item('drop', 3_000), 1],
    ['no end is the latest', item('drop', null), item('drop', 3_000), 0],
    ['what has ended is nothing', item('drop', 1_000), item('monitor', 1_001), 1],
  ] as const;
  for (const [what, one, other, wins] of cases)
    it(what, () => {
      const winner = [one, other][wins] ?? null;
      assert.deepEqual(stronger(one, other, now), winner);
      assert.deepEqual(stronger(other, one, now), winner);
    });
});
