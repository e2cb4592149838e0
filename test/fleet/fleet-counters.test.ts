/** Counts over a fleet: whatever order, repeat and loss messages come with, nodes that heard it all agree. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Component, countMax, FleetCounters } from '#fleet/fleet-counters.ts';
import { propertySettings } from '../support/property.ts';

const nowMs = 1_000_000_500;
const windowMs = 1_000;
const runs = Math.floor(nowMs / windowMs);

const component: fc.Arbitrary<Component> = fc
  .record({
    module: fc.constantFrom('m', 'n'),
    key: fc.constantFrom('a', 'b', '\0x', 'é'),
    windowMs: fc.constantFrom(windowMs, 2 * windowMs),
    index: fc.integer({ min: 0, max: 1 }),
    node: fc.constantFrom('', 'x', 'y'),
    epoch: fc.constantFrom(1, 2),
    count: fc.nat(9),
  })
  .map((given) => ({ ...given, index: Math.floor(nowMs / given.windowMs) - given.index }));

const merged = (...lists: readonly (readonly Component[])[]): FleetCounters => {
  const table = new FleetCounters();
  for (const list of lists) for (const one of list) table.merge(one, nowMs);
  return table;
};
const stateOf = (table: FleetCounters): string =>
  [...table.all()]
    .filter(({ count }) => count > 0)
    .map((one) => JSON.stringify(one))
    .toSorted()
    .join('\n');

describe('counts of a fleet', () => {
  it('merge alike in any order, grouped in any way, and again', (test) => {
    const list = fc.array(component, { maxLength: 12 });
    fc.assert(
      fc.property(list, list, list, (a, b, c) => {
        const all = stateOf(merged(a, b, c));
        assert.equal(stateOf(merged(c, b, a)), all, 'commutative');
        const first = [...merged(a, b).all()];
        const last = [...merged(b, c).all()];
        assert.equal(stateOf(merged(first, c)), all, 'associative');
        assert.equal(stateOf(merged(a, last)), all, 'associative');
        assert.equal(stateOf(merged(a, b, c, b, a)), all, 'idempotent');
      }),
      propertySettings(test, 300),
    );
  });

  it('never fall, and are the sum of what all have counted once everything was heard', (test) => {
    const nodes = ['x', 'y', 'z'] as const;
    const place = fc.nat(2);
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('count' as const),
        at: place,
        key: fc.nat(1),
        delta: fc.integer({ min: 1, max: 5 }),
      }),
      // What a node says reaches some, now or never, and may come twice.
      fc.record({
        kind: fc.constant('say' as const),
        at: place,
        to: fc.subarray([0, 1, 2]),
        times: fc.nat(2),
      }),
      fc.record({ kind: fc.constant('restart' as const), at: place }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const tables = nodes.map(() => new FleetCounters());
        const epochs = [1, 1, 1];
        const sums = [0, 0];
        const seen = nodes.map(() => [0, 0]);
        const cell = (key: number) => ({ module: 'm', key: String(key), windowMs, index: runs });
        const says = (at: number, to: number) => {
          for (const one of tables[at]?.all() ?? [])
            tables[to]?.merge(
              { ...one, node: one.node === '' ? (nodes[at] ?? '') : one.node },
              nowMs,
            );
        };
        const check = () => {
          for (const [at, table] of tables.entries())
            for (const key of [0, 1]) {
              // In its own table a node has no name; what others kept of it counts beside that.
              const total = table.total(cell(key));
              assert.ok(total >= (seen[at]?.[key] ?? 0), 'a count fell');
              (seen[at] as number[])[key] = total;
            }
        };
        // Own numbers carry the name of their node here, so that a table is the same at everybody.
        for (const given of steps) {
          if (given.kind === 'count') {
            const replica = { node: nodes[given.at] ?? '', epoch: epochs[given.at] ?? 0 };
            tables[given.at]?.add(cell(given.key), replica, given.delta);
            sums[given.key] = (sums[given.key] ?? 0) + given.delta;
          } else if (given.kind === 'restart') epochs[given.at] = (epochs[given.at] ?? 0) + 1;
          else for (const to of given.to) for (let n = 0; n <= given.times; n++) says(given.at, to);
          check();
        }
        for (const at of [0, 1, 2]) for (const to of [2, 0, 1]) says(at, to);
        for (const table of tables)
          for (const key of [0, 1]) assert.equal(table.total(cell(key)), sums[key]);
      }),
      propertySettings(test, 300),
    );
  });

  it('refuse windows that are over or far ahead, and forget those that are', () => {
    const table = new FleetCounters();
    const at = (index: number) => ({
      module: 'm',
      key: 'k',
      windowMs,
      index,
      node: 'x',
      epoch: 1,
      count: 1,
    });
    for (const [index, reason] of [
      [runs - 2, 'past'],
      [runs + 2, 'future'],
    ] as const)
      assert.deepEqual(table.merge(at(index), nowMs), { ok: false, reason });
    for (const index of [runs - 1, runs, runs + 1])
      assert.deepEqual(table.merge(at(index), nowMs), { ok: true, rose: 1 });
    const day = { ...at(0), windowMs: 86_400_000, index: Math.floor(nowMs / 86_400_000) + 1 };
    assert.deepEqual(table.merge(day, nowMs), { ok: false, reason: 'future' });
    table.expire(nowMs + windowMs);
    assert.deepEqual([table.cells, table.components], [2, 2]);
    table.expire(nowMs + 9 * windowMs);
    assert.deepEqual([table.cells, table.components], [0, 0]);
  });

  it('keep their bounds: cells, numbers, those of one node, and the largest', () => {
    const table = new FleetCounters({ cellsMax: 3, componentsMax: 5, nodeComponentsMax: 2 });
    const one = (key: string, node: string, count = 1) => ({
      module: 'm',
      key,
      windowMs,
      index: runs,
      node,
      epoch: 1,
      count,
    });
    const results = [
      one('a', 'x'),
      one('b', 'x'),
      one('c', 'x'),
      one('a', 'x', 7),
      one('c', 'y'),
      one('d', 'y'),
      one('a', 'y'),
    ].map((each) => table.merge(each, nowMs).ok);
    assert.deepEqual(results, [true, true, false, true, true, false, true]);
    assert.equal(table.add(one('c', ''), { node: '', epoch: 9 }, 1), true);
    assert.equal(table.add(one('a', ''), { node: '', epoch: 9 }, 1), false, 'six numbers');
    assert.equal(table.add(one('c', ''), { node: '', epoch: 9 }, countMax), true);
    assert.equal(table.countOf(one('c', ''), { node: '', epoch: 9 }), countMax);
    table.retain(new Set());
    assert.deepEqual([table.cells, table.components], [0, 0]);
    assert.equal(table.merge(one('z', 'x'), nowMs).ok, true, 'room again for who had used his up');
  });
});
