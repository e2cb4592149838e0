/** Token buckets: what they let through, how many there may be, and that workers share them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { halfSipHash } from '#wasm/services/half-sip-hash.ts';
import { slotsMax, TokenBuckets } from '#wasm/services/token-buckets.ts';
import { propertySettings } from '../support/property.ts';

describe('HalfSipHash', () => {
  // The reference's vectors: key 00 01 … 07, the first n of the bytes 00 01 02 ….
  const vectors: Readonly<Record<number, string>> = {
    0: '218d1f59b9b83cc8',
    1: 'be552412f8387315',
    2: '064f39ef7c50eb57',
    3: 'ce0f1a45f7060679',
    4: 'd5e78a175be52ea1',
    5: 'cb9d7c3f2f3db580',
    35: 'f9efd4e13aea6bd8',
  };
  for (const [length, expected] of Object.entries(vectors)) {
    it(`of ${length} bytes is the reference's`, () => {
      const text = String.fromCharCode(...Array.from({ length: Number(length) }, (_, i) => i));
      const into = new Uint32Array(2);
      halfSipHash(text, 0x03020100, 0x07060504, into);
      assert.equal(Buffer.from(into.buffer).toString('hex'), expected);
    });
  }
});

function bench(options: { slotsMax?: number; onForgotten?: () => void } = {}) {
  const clock = { ms: 0 };
  const buckets = new TokenBuckets([1, 2], { nowMs: () => clock.ms, ...options });
  return { clock, buckets };
}

describe('a bucket', () => {
  it('lets its capacity through at once, then one each time a token is back', () => {
    const { clock, buckets } = bench();
    const take = () => buckets.take('m', 'k', 1, 5, 10);
    assert.deepEqual([take(), take(), take(), take(), take()], [0, 0, 0, 0, 0]);
    assert.equal(take(), 2);
    clock.ms = 1_999;
    assert.equal(take(), 1);
    clock.ms = 2_000;
    assert.equal(take(), 0);
    assert.equal(take(), 2);
    clock.ms = 60_000;
    assert.deepEqual([take(), take(), take(), take(), take()], [0, 0, 0, 0, 0]);
    assert.equal(take(), 2);
  });

  it('takes nothing where it refuses', () => {
    const { buckets } = bench();
    buckets.take('m', 'k', 4, 5, 10);
    assert.equal(buckets.take('m', 'k', 3, 5, 10), 4);
    assert.equal(buckets.take('m', 'k', 1, 5, 10), 0);
  });

  it('never has what costs more than it holds', () => {
    const { buckets } = bench();
    assert.equal(buckets.take('m', 'k', 6, 5, 10), 2);
    assert.equal(buckets.take('m', 'k', 1_000_000, 1, 10), 10);
  });

  it('is its module’s, its key’s and its size’s', () => {
    const { buckets } = bench();
    assert.equal(buckets.take('m', 'k', 1, 1, 10), 0);
    assert.equal(buckets.take('m', 'k', 1, 1, 10), 10);
    assert.equal(buckets.take('n', 'k', 1, 1, 10), 0);
    assert.equal(buckets.take('m', 'l', 1, 1, 10), 0);
    assert.equal(buckets.take('m', 'k', 1, 1, 20), 0);
  });

  it('lets through exactly what its rate allows, at whatever times it is asked', (test) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.tuple(fc.nat(5_000), fc.integer({ min: 1, max: 5 })), { maxLength: 60 }),
        (capacity, periodSeconds, asked) => {
          const { clock, buckets } = bench();
          // The plain way: a level that leaks.
          let level = 0;
          for (const [waitMs, cost] of asked) {
            clock.ms += waitMs;
            level = Math.max(0, level - (waitMs * capacity) / (periodSeconds * 1_000));
            const isLet = level + cost <= capacity + 1e-6;
            if (Math.abs(level + cost - capacity) < 1e-6) return;
            assert.equal(buckets.take('m', 'k', cost, capacity, periodSeconds) === 0, isLet);
            if (isLet) level += cost;
          }
        },
      ),
      propertySettings(test, 500),
    );
  });
});

describe('many buckets', () => {
  it('of a hundred thousand clients none is forgotten', () => {
    let forgotten = 0;
    const { buckets } = bench({ onForgotten: () => forgotten++ });
    for (let i = 0; i < 100_000; i++) buckets.take('m', `client ${i}`, 1, 2, 3_600);
    let remembered = 0;
    for (let i = 0; i < 100_000; i++)
      if (buckets.take('m', `client ${i}`, 2, 2, 3_600) !== 0) remembered++;
    assert.ok(remembered >= 99_900, `${remembered}`);
    assert.ok(forgotten <= 200, `${forgotten}`);
    assert.ok(buckets.slots <= slotsMax);
  });

  it('beyond the bound push out those that are soonest full, and are counted', () => {
    let forgotten = 0;
    const { buckets } = bench({ slotsMax: 16_384, onForgotten: () => forgotten++ });
    for (let i = 0; i < 1_000; i++) buckets.take('m', `empty ${i}`, 100, 100, 3_600);
    for (let i = 0; i < 60_000; i++) buckets.take('m', `nearly full ${i}`, 1, 100, 3_600);
    assert.equal(buckets.slots, 16_384);
    assert.ok(forgotten > 40_000);
    for (let i = 0; i < 1_000; i++)
      assert.notEqual(buckets.take('m', `empty ${i}`, 1, 100, 3_600), 0);
  });
});

describe('buckets of two workers', () => {
  it('are one, once each has heard of the other', () => {
    const clock = { ms: 0 };
    const take = (buckets: TokenBuckets) => buckets.take('m', 'k', 1, 10, 10);
    let told: [number, number, number][] = [];
    const outlet = { took: (...debt: [number, number, number]) => void told.push(debt) };
    const one = new TokenBuckets([1, 2], { nowMs: () => clock.ms, outlet });
    const two = new TokenBuckets([1, 2], { nowMs: () => clock.ms + 12_345 });
    for (let i = 0; i < 4; i++) take(one);
    for (const debt of told) two.addDebt(...debt);
    for (let i = 0; i < 6; i++) assert.equal(take(two), 0);
    assert.equal(take(two), 1);
    told = [];
    for (let i = 0; i < 6; i++) take(one);
    take(one);
    assert.equal(told.length, 6);
  });

  it('can be handed over whole', () => {
    const { buckets } = bench();
    for (let i = 0; i < 100; i++) buckets.take('m', `${i}`, 1, 1, 10);
    const copy = new TokenBuckets([1, 2], { nowMs: () => 999 });
    for (const { low, high, debtMs } of buckets.debts()) copy.addDebt(low, high, debtMs);
    for (let i = 0; i < 100; i++) assert.equal(copy.take('m', `${i}`, 1, 1, 10), 10);
  });
});
