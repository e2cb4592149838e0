/** Workers that share over the supervisor: all end up with the same, whoever starts, stalls or falls behind. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { wallMs } from '#core/clock.ts';
import { NodeSync } from '#wasm/services/node-sync.ts';
import { applyBatch, batchItemsMax, type SharedBatch } from '#wasm/services/shared-batch.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { TokenBuckets } from '#wasm/services/token-buckets.ts';
import { SharedHub } from '../../src/roles/shared-hub.ts';
import { propertySettings } from '../support/property.ts';

/** A worker without its process. What it is sent waits in `inbox` until `read`. */
class TestWorker {
  readonly inbox: { batch: SharedBatch; done: () => void }[] = [];
  readonly store: SharedStore;
  readonly fleet: SharedStore;
  readonly buckets: TokenBuckets;
  readonly sync: NodeSync;
  readonly hub: SharedHub;
  readonly slot: number;
  dropped = 0;

  constructor(hub: SharedHub, slot: number, canSend = true) {
    this.hub = hub;
    this.slot = slot;
    this.sync = new NodeSync(
      (batch, done) => {
        if (!canSend) return;
        hub.receive(slot, asSent(batch));
        done();
      },
      (changes) => {
        this.dropped += changes;
      },
    );
    this.store = new SharedStore({ writer: slot, wallMs, onEvicted: () => {}, outlet: this.sync });
    this.fleet = new SharedStore({
      ...{ writer: slot, wallMs, onEvicted: () => {} },
      outlet: this.sync.fleet,
    });
    this.buckets = new TokenBuckets([1, 2], { outlet: this.sync });
    hub.join(slot, (batch, done) => this.inbox.push({ batch: asSent(batch), done }));
    // Before its first request: the supervisor sends it together with the order to start.
    this.read();
  }

  /** Takes in what came; what comes of it too. */
  read(): void {
    for (let next = this.inbox.shift(); next !== undefined; next = this.inbox.shift()) {
      applyBatch(next.batch, this, wallMs());
      next.done();
    }
  }

  get values() {
    return this.store.of('m');
  }

  count(key: string, delta = 0): number {
    return this.values.count(key, delta, 86_400_000);
  }
}

const asSent = (batch: SharedBatch): SharedBatch => deserialize(serialize(batch)) as SharedBatch;

const settle = (workers: readonly TestWorker[]): void => {
  for (const worker of workers) worker.sync.flush();
  for (const worker of workers) worker.read();
};

describe('workers that share', () => {
  it('end up with the same values and counts, whatever they did in whatever order', (test) => {
    const worker = fc.nat(2);
    const key = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), worker, key, value: fc.string() }),
      fc.record({ kind: fc.constant('delete' as const), worker, key }),
      fc.record({
        kind: fc.constant('count' as const),
        worker,
        key,
        delta: fc.integer({ min: -5, max: 9 }),
      }),
      fc.record({ kind: fc.constant('flush' as const), worker }),
      fc.record({ kind: fc.constant('read' as const), worker }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const hub = new SharedHub();
        const workers = [0, 1, 2].map((slot) => new TestWorker(hub, slot));
        const counted = new Map<string, number>();
        for (const each of steps) {
          const one = workers[each.worker] as TestWorker;
          if (each.kind === 'set') one.values.set(each.key, Buffer.from(each.value), 0);
          else if (each.kind === 'delete') one.values.delete(each.key);
          else if (each.kind === 'flush') one.sync.flush();
          else if (each.kind === 'read') one.read();
          else {
            one.count(each.key, each.delta);
            counted.set(each.key, (counted.get(each.key) ?? 0) + each.delta);
          }
        }
        settle(workers);
        const late = new TestWorker(hub, 3);
        for (const name of ['a', 'b', 'c']) {
          const [first, ...others] = [...workers, late].map(({ values }) =>
            values.get(name)?.toString(),
          );
          for (const other of others) assert.equal(other, first);
          for (const one of [...workers, late])
            assert.equal(one.count(name), Math.max(0, counted.get(name) ?? 0));
        }
      }),
      propertySettings(test, 300),
    );
  });

  it('share buckets, one that starts later too', () => {
    const hub = new SharedHub();
    const workers = [0, 1].map((slot) => new TestWorker(hub, slot)) as [TestWorker, TestWorker];
    const take = ({ buckets }: TestWorker) => buckets.take('m', 'k', 1, 3, 3_600);
    assert.deepEqual([take(workers[0]), take(workers[0]), take(workers[1])], [0, 0, 0]);
    settle(workers);
    const late = new TestWorker(hub, 2);
    for (const one of [...workers, late]) assert.notEqual(take(one), 0);
  });

  it('tell changes of the same thing as one', () => {
    const hub = new SharedHub();
    const one = new TestWorker(hub, 0);
    const two = new TestWorker(hub, 1);
    for (let i = 0; i < 1_000; i++) {
      one.count('k', 1);
      one.values.set('k', Buffer.from(`${i}`), 0);
      one.buckets.take('m', 'k', 1, 10_000, 3_600);
    }
    one.sync.flush();
    const [{ batch } = { batch: null }] = two.inbox;
    assert.equal(batch?.writes.length, 1);
    assert.equal(batch?.counts.length, 1);
    assert.equal(batch?.debts.length, 1);
    two.read();
    assert.equal(two.count('k'), 1_000);
    assert.equal(two.values.get('k')?.toString(), '999');
  });

  it('send a batch that is full at once', () => {
    const hub = new SharedHub();
    const one = new TestWorker(hub, 0);
    const two = new TestWorker(hub, 1);
    for (let i = 0; i < batchItemsMax; i++) one.buckets.take('m', `k${i}`, 1, 2, 3_600);
    assert.equal(two.inbox[0]?.batch.debts.length, batchItemsMax);
  });

  it('get everything anew where they did not keep up, and lose nothing by it', () => {
    const hub = new SharedHub();
    const one = new TestWorker(hub, 0);
    const stalled = new TestWorker(hub, 1);
    for (let i = 0; i < 1_100; i++) {
      one.count('k', 1);
      one.values.set(`v${i % 7}`, Buffer.from(`${i}`), 0);
      one.sync.flush();
    }
    // A few were under way; the line behind them was given up.
    assert.ok(stalled.inbox.length <= 4);
    stalled.read();
    assert.equal(stalled.count('k'), 1_100);
    assert.equal(stalled.values.get('v0')?.toString(), '1099');
    one.count('k', 1);
    one.sync.flush();
    stalled.read();
    assert.equal(stalled.count('k'), 1_101);
  });

  it('leave out and count what the supervisor does not take', () => {
    const one = new TestWorker(new SharedHub(), 0, false);
    for (let i = 0; i < 21; i++) {
      one.count('k', 1);
      one.sync.flush();
    }
    assert.equal(one.dropped, 1);
  });

  it('count over the fleet: what they did goes out once, what others did comes to all', () => {
    const hub = new SharedHub();
    const out: object[] = [];
    hub.onCounted = (deltas) => out.push(...deltas);
    const workers = [0, 1].map((slot) => new TestWorker(hub, slot)) as [TestWorker, TestWorker];
    const count = ({ fleet }: TestWorker, delta = 0) => fleet.of('m').count('k', delta, 86_400_000);
    count(workers[0], 2);
    count(workers[0], 1);
    settle(workers);
    const index = Math.floor(wallMs() / 86_400_000);
    const cell = { module: 'm', key: 'k', windowMs: 86_400_000, index };
    assert.deepEqual(out, [{ ...cell, delta: 3 }]);
    hub.addFleet([{ ...cell, delta: 4 }]);
    settle(workers);
    assert.equal(out.length, 1, 'what came from others does not go out');
    assert.deepEqual(
      workers.map((worker) => count(worker)),
      [7, 7],
    );
    assert.equal(count(new TestWorker(hub, 2)), 7);
  });

  it('hand what was counted over the fleet on, by whose it is', () => {
    const hub = new SharedHub();
    const index = Math.floor(wallMs() / 86_400_000);
    const cell = { module: 'm', key: 'k', windowMs: 86_400_000, index };
    hub.counters.add(cell, hub.replica, 5);
    hub.counters.merge({ ...cell, node: 'b', epoch: 1, count: 3 }, wallMs());
    hub.addFleet([{ ...cell, delta: 8 }]);
    const next = new SharedHub(deserialize(serialize(hub.state())) as ReturnType<typeof hub.state>);
    const late = new TestWorker(next, 0);
    assert.equal(late.fleet.of('m').count('k', 0, 86_400_000), 8);
    assert.notEqual(next.replica.epoch, hub.replica.epoch);
    next.counters.merge({ ...cell, node: 'b', epoch: 1, count: 3 }, wallMs());
    assert.equal(next.counters.total(cell), 8, 'said again, it is nothing new');
  });

  it('hear nothing of a module that is gone', () => {
    const hub = new SharedHub();
    const one = new TestWorker(hub, 0);
    one.values.set('k', Buffer.from('v'), 0);
    one.sync.flush();
    hub.retain(new Set(['other']));
    const late = new TestWorker(hub, 1);
    assert.equal(late.values.get('k'), undefined);
  });

  it('carry on after a state that is larger than a message', () => {
    const hub = new SharedHub();
    const one = new TestWorker(hub, 0);
    for (let i = 0; i < 10_000; i++) one.buckets.take('m', `k${i}`, 1, 1, 3_600);
    for (let i = 0; i < 60; i++) one.values.set(`v${i}`, Buffer.alloc(60_000, i), 0);
    one.sync.flush();
    const late = new TestWorker(hub, 1);
    assert.equal(late.values.get('v59')?.length, 60_000);
    let refused = 0;
    for (let i = 0; i < 10_000; i++)
      if (late.buckets.take('m', `k${i}`, 1, 1, 3_600) > 0) refused++;
    assert.ok(refused >= 9_990, `${refused}`);
  });
});
