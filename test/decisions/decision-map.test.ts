/** Merge laws, against a plain list of all that was ever said. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Decision } from '#decisions/decision.ts';
import { differingBuckets } from '#decisions/decision-digest.ts';
import { type BatchRef, DecisionMap } from '#decisions/decision-map.ts';
import {
  arbitrarySaid,
  issuers,
  modelOf,
  originMs,
  type Said,
  targets,
} from '../support/arbitrary-decision.ts';
import { propertySettings } from '../support/property.ts';

function mapOf(said: readonly Said[]): DecisionMap {
  const map = new DecisionMap();
  said.forEach(({ issuer, decision }, sequence) => {
    map.merge(decision, { issuer, sequence, digest: '', count: 1, live: 0 });
  });
  return map;
}

/** Into a copy of the first: all that the second one has. */
function merged(one: DecisionMap, other: DecisionMap): DecisionMap {
  const map = new DecisionMap();
  for (const source of [one, other])
    for (const { issuer, decision } of source.entries())
      map.merge(decision, { issuer, sequence: 1, digest: '', count: 1, live: 0 });
  return map;
}

const seen = (map: DecisionMap): unknown => map.digest();
const some = fc.array(arbitrarySaid, { maxLength: 24 });

describe('the map of decisions', () => {
  it('merges in any order to the same', (test) => {
    fc.assert(
      fc.property(some, some, (one, other) => {
        assert.deepEqual(
          seen(merged(mapOf(one), mapOf(other))),
          seen(merged(mapOf(other), mapOf(one))),
        );
      }),
      propertySettings(test, 500),
    );
  });

  it('merges in any grouping to the same', (test) => {
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        const [x, y, z] = [mapOf(a), mapOf(b), mapOf(c)];
        assert.deepEqual(seen(merged(merged(x, y), z)), seen(merged(x, merged(y, z))));
      }),
      propertySettings(test, 500),
    );
  });

  it('is what it was after the same once more', (test) => {
    fc.assert(
      fc.property(some, (said) => {
        const map = mapOf(said);
        assert.deepEqual(seen(merged(map, map)), seen(map));
        assert.deepEqual(seen(mapOf([...said, ...said])), seen(map));
      }),
      propertySettings(test, 500),
    );
  });

  it('says at every moment what a list of all decisions says, whenever it was told of each', (test) => {
    const order = fc.array(fc.nat({ max: 1_000 }), { minLength: 30, maxLength: 60 });
    fc.assert(
      fc.property(
        fc.array(arbitrarySaid, { minLength: 1, maxLength: 24 }),
        order,
        (said, picks) => {
          const map = new DecisionMap();
          const told: Said[] = [];
          let nowMs = originMs;
          for (const [step, pick] of picks.entries()) {
            const one = said[pick % said.length] as Said;
            told.push(one);
            if (one.decision.shadowUntilMs > nowMs)
              map.merge(one.decision, {
                issuer: one.issuer,
                sequence: step,
                digest: '',
                count: 1,
                live: 0,
              });
            if (pick % 5 === 0) nowMs++;
            for (const target of targets) map.expire(target, nowMs);
            for (const target of targets) {
              const held = map.find(target);
              const model = modelOf(told, target, nowMs);
              assert.deepEqual(held?.decision ?? null, model?.decision ?? null);
              assert.equal(held?.issuer ?? null, model?.issuer ?? null);
            }
          }
        },
      ),
      propertySettings(test, 500),
    );
  });

  it('counts what is left of each batch, and tells of those with nothing left', (test) => {
    fc.assert(
      fc.property(some, (said) => {
        const spent = new Set<BatchRef>();
        const map = new DecisionMap((batch) => spent.add(batch));
        const batches = said.map(({ issuer, decision }, sequence) => {
          const batch = { issuer, sequence, digest: '', count: 1, live: 0 };
          map.merge(decision, batch);
          return batch;
        });
        for (const batch of batches) {
          const entries = [...map.entries()].filter((entry) => entry.batch === batch);
          assert.equal(batch.live, entries.length);
          if (spent.has(batch)) assert.equal(batch.live, 0);
        }
        assert.equal(map.size, [...map.entries()].length);
        assert.equal(map.digest().count, map.size);
      }),
      propertySettings(test, 300),
    );
  });

  it('differs in no more buckets than have a different decision', (test) => {
    fc.assert(
      fc.property(some, arbitrarySaid, (said, more) => {
        const [one, other] = [mapOf(said), mapOf([...said, more])];
        const differing = differingBuckets(one.digest().buckets, other.digest().buckets);
        assert.ok(differing.length <= 1);
        assert.equal(differing.length === 0, one.digest().root === other.digest().root);
      }),
      propertySettings(test, 300),
    );
  });

  it('has a digest by issuer', () => {
    const decision: Decision = {
      target: '192.0.2.1',
      action: 'drop',
      at: { ms: originMs, counter: 0 },
      expiresAtMs: originMs + 5,
      shadowUntilMs: originMs + 5,
      reason: '',
      origin: '',
    };
    const map = mapOf(
      issuers.map((issuer, index) => ({
        issuer,
        decision: { ...decision, target: `192.0.2.${index}` },
      })),
    );
    assert.deepEqual(
      Object.entries(map.digest().issuers).map(([issuer, { count }]) => [issuer, count]),
      [
        ['a', 1],
        ['b', 1],
        ['c', 1],
      ],
    );
  });
});
