/** The balancers: exact shares, who moves when a server goes, and that one that is out gets nothing. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { Balancer } from '#proxy/upstream/balancer.ts';
import { LeastConnections } from '#proxy/upstream/least-connections.ts';
import { RendezvousHash } from '#proxy/upstream/rendezvous-hash.ts';
import { SmoothRoundRobin } from '#proxy/upstream/smooth-round-robin.ts';
import { propertySettings } from '../../support/property.ts';

const weightsArbitrary = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 });
const check = <T>(test: TestContext, what: fc.IProperty<T>): void =>
  fc.assert(what, propertySettings(test, 200));
const idle = (count: number): Float64Array => new Float64Array(count);
const clients = Array.from(
  { length: 20_000 },
  (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
);

describe('smooth round robin', () => {
  it('spreads 5, 1, 1 as nginx does', () => {
    const balancer = new SmoothRoundRobin(3);
    const picks = Array.from({ length: 14 }, () => balancer.pick(Float64Array.of(5, 1, 1)));
    assert.deepEqual(picks, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
  });

  it('gives each server exactly its weight in every cycle', (test) => {
    check(
      test,
      fc.property(weightsArbitrary, (weights) => {
        const balancer = new SmoothRoundRobin(weights.length);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let cycle = 0; cycle < 3; cycle++) {
          const counts = weights.map(() => 0);
          for (let i = 0; i < total; i++) {
            const at = balancer.pick(Float64Array.from(weights));
            counts[at] = (counts[at] ?? 0) + 1;
          }
          assert.deepEqual(counts, weights);
        }
      }),
    );
  });
});

describe('least connections', () => {
  it('takes the emptiest for its weight; equals take turns', () => {
    const balancer = new LeastConnections();
    const weights = Float64Array.of(1, 1, 2);
    assert.equal(balancer.pick(weights, Float64Array.of(3, 1, 9)), 1);
    assert.equal(balancer.pick(weights, Float64Array.of(5, 4, 6)), 2);
    const turns = Array.from({ length: 6 }, () => balancer.pick(Float64Array.of(1, 1, 1), idle(3)));
    assert.deepEqual([...turns].sort(), [0, 0, 1, 1, 2, 2]);
  });

  it('never takes one while another has less in hand for its weight', (test) => {
    check(
      test,
      fc.property(
        weightsArbitrary.chain((weights) =>
          fc.tuple(
            fc.constant(weights),
            fc.array(fc.nat(50), { minLength: weights.length, maxLength: weights.length }),
          ),
        ),
        ([weights, inFlight]) => {
          const at = new LeastConnections().pick(
            Float64Array.from(weights),
            Float64Array.from(inFlight),
          );
          const load = (i: number): number =>
            ((inFlight[i] as number) + 1) / (weights[i] as number);
          for (let i = 0; i < weights.length; i++) assert.ok(load(at) <= load(i));
        },
      ),
    );
  });
});

describe('a hash of the client', () => {
  const names = ['http://a:1', 'http://b:1', 'http://c:1', 'http://d:1'];
  const picks = (weights: readonly number[], order = names): string[] => {
    const balancer = new RendezvousHash(order);
    return clients.map(
      (client) =>
        order[balancer.pick(Float64Array.from(weights), idle(order.length), client)] ?? '',
    );
  };

  it('moves only the clients of a server that is lost, and gives back the very same', () => {
    const before = picks([1, 1, 1, 1]);
    const without = picks([1, 0, 1, 1]);
    before.forEach((server, i) => {
      if (server === 'http://b:1') assert.notEqual(without[i], 'http://b:1');
      else assert.equal(without[i], server);
    });
    assert.deepEqual(picks([1, 1, 1, 1]), before);
  });

  it('spreads the clients of a lost server over all that are left', () => {
    const before = picks([1, 1, 1, 1]);
    const without = picks([1, 0, 1, 1]);
    const moved = without.filter((_, i) => before[i] === 'http://b:1');
    for (const name of ['http://a:1', 'http://c:1', 'http://d:1']) {
      const share = moved.filter((server) => server === name).length / moved.length;
      assert.ok(share > 0.28 && share < 0.39, `${name} took ${share}`);
    }
  });

  it('does not care for the order of the servers', () => {
    const turned = names.toReversed();
    assert.deepEqual(picks([1, 1, 1, 1], turned), picks([1, 1, 1, 1]));
  });

  it('gives shares as the weights are, within two percent', () => {
    const counts = new Map<string, number>();
    for (const server of picks([1, 2, 3, 4])) counts.set(server, (counts.get(server) ?? 0) + 1);
    names.forEach((name, i) => {
      const share = (counts.get(name) ?? 0) / clients.length;
      assert.ok(Math.abs(share - (i + 1) / 10) < 0.02, `${name} has ${share}`);
    });
  });

  it('moves clients only towards a server whose weight rises', () => {
    const before = picks([1, 1, 1, 1]);
    picks([1, 1, 2, 1]).forEach((server, i) => {
      if (server !== before[i]) assert.equal(server, 'http://c:1');
    });
  });
});

it('no balancer picks a server that is out, and none picks when all are', (test) => {
  const makers: ((count: number) => Balancer)[] = [
    (count) => new SmoothRoundRobin(count),
    () => new LeastConnections(),
    (count) => new RendezvousHash(Array.from({ length: count }, (_, i) => `s${i}`)),
  ];
  const some = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 8 });
  check(
    test,
    fc.property(some, fc.constantFrom(...makers), (weights, make) => {
      const balancer = make(weights.length);
      for (let i = 0; i < 20; i++) {
        const at = balancer.pick(Float64Array.from(weights), idle(weights.length), `client ${i}`);
        if (weights.every((weight) => weight === 0)) assert.equal(at, -1);
        else assert.ok((weights[at] ?? 0) > 0);
      }
    }),
  );
});
