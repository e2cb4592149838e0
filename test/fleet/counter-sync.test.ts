/** Nodes that tell each other what they count, over a bus of this file that loses, repeats and reorders. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { BusEvent, BusState } from '#fleet/bus.ts';
import type { BusMessage } from '#fleet/bus-queue.ts';
import { type CountedDelta, CounterSync } from '#fleet/counter-sync.ts';
import { FleetCounters, type Replica } from '#fleet/fleet-counters.ts';
import { createLog } from '#telemetry/log.ts';
import { FleetMembers } from '../support/fleet-members.ts';
import { propertySettings } from '../support/property.ts';
import { randomOf } from '../support/random.ts';

const syncMs = 250;
const cell = { module: 'm', key: 'k', windowMs: 86_400_000, index: 20_000 };
const startMs = cell.index * cell.windowMs + 1_000_000;

/** What is published waits until the test brings it, as the test likes. */
class TestBus {
  readonly waiting: { from: string; subject: string; bytes: Uint8Array }[] = [];
  readonly nodes = new Map<string, TestNode>();

  bring(message: { from: string; subject: string; bytes: Uint8Array }): void {
    for (const [id, node] of this.nodes)
      if (id !== message.from) node.take({ ...message, reply: null });
  }

  bringAll(): void {
    for (const message of this.waiting.splice(0)) this.bring(message);
  }
}

class TestNode {
  readonly counters = new FleetCounters();
  readonly sync: CounterSync;
  readonly degraded: (string | null)[] = [];
  state: BusState = 'connected';
  reason: string | null = null;
  delivered = 0;
  #handler: (message: BusMessage) => void = () => {};
  #listener: (event: BusEvent) => void = () => {};
  readonly #replica: Replica;

  constructor(bus: TestBus, members: FleetMembers, id: string, epoch: number, now: () => number) {
    this.#replica = { node: '', epoch };
    bus.nodes.set(id, this);
    const node = this;
    this.sync = new CounterSync({
      fleet: 'test',
      self: id,
      signingKey: members.key(id),
      trust: members.trust,
      bus: {
        get state() {
          return node.state;
        },
        get reason() {
          return node.reason;
        },
        publish: (subject, bytes) => bus.waiting.push({ from: id, subject, bytes }),
        subscribe: (_, handler) => {
          this.#handler = handler;
          return { close: () => {} };
        },
        onEvent: (listener) => {
          this.#listener = listener;
        },
      },
      counters: this.counters,
      replica: this.#replica,
      syncMs,
      deliver: (deltas) => {
        for (const { delta } of deltas) this.delivered += delta;
      },
      setDegraded: (_, reason) => this.degraded.push(reason),
      logger: createLog('silent', id),
      now,
    });
    this.sync.start();
    this.event('connected');
  }

  event(event: BusEvent): void {
    if (event === 'connected') this.state = 'connected';
    if (event === 'disconnected') this.state = 'reconnecting';
    this.#listener(event);
  }

  take(message: BusMessage): void {
    if (this.state === 'connected') this.#handler(message);
  }

  count(delta: number): void {
    const given: CountedDelta = { ...cell, delta };
    this.sync.counted([given]);
  }

  get total(): number {
    return this.counters.total(cell);
  }
}

function scene(test: TestContext, ids: readonly string[]) {
  test.mock.timers.enable({ apis: ['setInterval', 'Date'], now: startMs });
  const members = new FleetMembers(ids);
  test.after(() => members[Symbol.dispose]());
  const bus = new TestBus();
  const start = (id: string, epoch = 1) => new TestNode(bus, members, id, epoch, () => Date.now());
  const turn = (ms = syncMs) => test.mock.timers.tick(ms);
  return { bus, members, start, turn, nodes: ids.map((id) => start(id)) };
}

describe('nodes that count together', () => {
  it('know all within one sync, and deliver each number once', (test) => {
    const { bus, nodes, turn } = scene(test, ['a', 'b', 'c']);
    for (const [index, node] of nodes.entries()) node.count(index + 1);
    turn();
    bus.bringAll();
    assert.deepEqual(
      nodes.map(({ total }) => total),
      [6, 6, 6],
    );
    assert.deepEqual(
      nodes.map(({ delivered }) => delivered),
      [5, 4, 3],
    );
    for (let turns = 0; turns < 20; turns++) {
      turn();
      bus.bringAll();
    }
    assert.deepEqual(
      nodes.map(({ delivered }) => delivered),
      [5, 4, 3],
    );
  });

  it('say nothing where nothing is counted', (test) => {
    const { bus, turn } = scene(test, ['a', 'b']);
    turn();
    bus.bringAll();
    turn();
    bus.bringAll();
    for (let turns = 0; turns < 40; turns++) turn();
    // Each says its number now and then, as it has asked for everything at its start.
    assert.ok(bus.waiting.length <= 2 * 6, `${bus.waiting.length}`);
  });

  it('find what was lost, whatever came twice or in another order', (test) => {
    const { bus, nodes, turn } = scene(test, ['a', 'b', 'c']);
    const random = randomOf(propertySettings(test, 1).seed);
    let sum = 0;
    for (let turns = 0; turns < 60; turns++) {
      const node = nodes[Math.floor(random() * 3)] as TestNode;
      const delta = 1 + Math.floor(random() * 4);
      node.count(delta);
      sum += delta;
      turn();
      const said = bus.waiting.splice(0).toSorted(() => random() - 0.5);
      for (const message of said) {
        if (random() < 0.4) continue;
        bus.bring(message);
        if (random() < 0.3) bus.bring(message);
      }
      for (const { total } of nodes) assert.ok(total <= sum, 'nobody knows more than there was');
    }
    // The bus is well again: the next number each says shows what was missed.
    for (let turns = 0; turns < 20; turns++) {
      turn();
      bus.bringAll();
    }
    assert.deepEqual(
      nodes.map(({ total }) => total),
      [sum, sum, sum],
    );
    assert.ok(nodes.some(({ sync }) => sync.counts.missed > 0));
  });

  it('tell one that starts anew what it had counted, and do not count it twice', (test) => {
    const { bus, nodes, start, turn } = scene(test, ['a', 'b', 'c']);
    nodes[0]?.count(7);
    turn();
    bus.bringAll();
    const again = start('a', 2);
    again.count(1);
    for (let turns = 0; turns < 8; turns++) {
      turn();
      bus.bringAll();
    }
    assert.deepEqual([again.total, again.delivered], [8, 7]);
    assert.deepEqual([nodes[1]?.total, nodes[2]?.total], [8, 8]);
  });

  it('take nothing of another key, of who is no node, or of a third that runs', (test) => {
    const { bus, members, nodes, turn } = scene(test, ['a', 'b', 'c']);
    const [a] = nodes as [TestNode];
    // Another one with the name of b and a key of its own.
    const others = new FleetMembers(['b']);
    test.after(() => others[Symbol.dispose]());
    const forged = new TestBus();
    const liar = new TestNode(forged, others, 'b', 9, () => Date.now());
    liar.count(1_000);
    turn();
    for (const message of forged.waiting.splice(0)) bus.bring({ ...message, from: 'x' });
    assert.equal(a.total, 0);
    assert.ok((a.sync.counts.refused.get('unsigned') ?? 0) > 0);
    for (const subject of ['weir.test.c.nobody', 'weir.test.c.c']) {
      const said = new TestBus();
      new TestNode(said, members, 'b', 9, () => Date.now()).count(5);
      turn();
      for (const message of said.waiting.splice(0)) a.take({ ...message, subject, reply: null });
    }
    assert.equal(a.total, 0);
    assert.ok((a.sync.counts.refused.get('unknown-member') ?? 0) > 0);
  });

  it('count by themselves without a bus, say so once, and catch up', (test) => {
    const { bus, nodes, turn } = scene(test, ['a', 'b']);
    const [a, b] = nodes as [TestNode, TestNode];
    a.event('disconnected');
    assert.deepEqual(a.degraded, [], 'nothing is counted over the fleet yet');
    a.count(5);
    a.count(5);
    b.count(2);
    assert.equal(a.degraded.length, 1);
    assert.match(String(a.degraded[0]), /no bus/);
    turn();
    bus.bringAll();
    assert.deepEqual([a.total, b.total], [10, 2]);
    a.event('connected');
    assert.deepEqual(a.degraded.slice(1), [null]);
    for (let turns = 0; turns < 8; turns++) {
      turn();
      bus.bringAll();
    }
    assert.deepEqual([a.total, b.total], [12, 12]);
  });

  it('send so many messages in one go, and the rest with the next', (test) => {
    const { bus, nodes, turn } = scene(test, ['a', 'b']);
    const [a, b] = nodes as [TestNode, TestNode];
    turn();
    bus.bringAll();
    const deltas = Array.from({ length: 20_000 }, (_, n) => ({
      ...cell,
      key: `${n}`.padStart(40, '0'),
      delta: 1,
    }));
    a.sync.counted(deltas);
    turn();
    assert.equal(bus.waiting.filter(({ from }) => from === 'a').length, 8);
    assert.ok(a.sync.counts.deferred > 0 && a.sync.status.waiting > 0);
    for (let turns = 0; turns < 4; turns++) {
      turn();
      bus.bringAll();
    }
    assert.deepEqual([b.counters.cells, a.sync.status.waiting], [20_000, 0]);
  });
});
