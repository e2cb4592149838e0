/** A million addresses against the buckets of one rate: memory has an end, and who comes often is still caught. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { slotsMax, TokenBuckets } from '#wasm/services/token-buckets.ts';
import { randomOf } from '../../support/random.ts';

it('a million distinct addresses do not hide ten that come often, and none of them is refused', (t) => {
  let nowMs = 0;
  let forgotten = 0;
  const buckets = new TokenBuckets([3, 4], {
    nowMs: () => nowMs,
    onForgotten: () => {
      forgotten++;
    },
  });
  const random = randomOf(11);
  const refused = new Map<number, number>();
  for (let i = 0; i < 1_000_000; i++) {
    nowMs += 0.02;
    assert.equal(buckets.take('rate/x', `address ${i}`, 1, 20, 60), 0);
    if (random() > 0.001) continue;
    const hitter = Math.floor(random() * 10);
    if (buckets.take('rate/x', `hitter ${hitter}`, 1, 20, 60) !== 0)
      refused.set(hitter, (refused.get(hitter) ?? 0) + 1);
  }
  t.diagnostic(`${buckets.slots} slots, ${forgotten} buckets forgotten`);
  assert.ok(buckets.slots <= slotsMax);
  // Each came some hundred times in twenty seconds, and twenty seven are let through.
  assert.equal(refused.size, 10);
  for (const [hitter, count] of refused) assert.ok(count > 40, `${hitter}: ${count}`);
});
