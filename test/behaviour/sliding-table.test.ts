/** Counts of the last window for many addresses, in memory that does not grow. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressKey, targetOf } from '#behaviour/address-key.ts';
import { SlidingTable } from '#behaviour/sliding-table.ts';
import { randomOf } from '../support/random.ts';

const key = (text: string) => addressKey(text) ?? assert.fail(text);

describe('who is counted', () => {
  const cases = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
  ] as const;
  for (const [text, target] of cases)
    it(`${text} counts as ${target}`, () => assert.equal(targetOf(key(text)), target));

  it('what is no address does not', () => assert.equal(addressKey('localhost'), null));
});

describe('a window', () => {
  it('counts what came in it, and less and less of what came before', () => {
    const table = new SlidingTable(60_000, 64);
    const one = key('192.0.2.1');
    assert.equal(table.add(one, 40, 0), 40);
    assert.equal(table.add(one, 9, 90_000), 9 + 20);
    assert.equal(table.add(one, 0, 119_999), 9);
    assert.equal(table.add(one, 1, 300_000), 1);
  });

  it('knows no neighbour', () => {
    const table = new SlidingTable(60_000, 64);
    table.add(key('2001:db8::1'), 5, 0);
    assert.equal(table.add(key('2001:db8:0:1::1'), 1, 0), 1);
    assert.equal(table.add(key('2001:db8::2'), 1, 0), 6);
  });

  it('begins anew for who is cleared', () => {
    const table = new SlidingTable(60_000, 64);
    table.add(key('192.0.2.1'), 5, 0);
    table.clear(key('192.0.2.1'));
    assert.equal(table.add(key('192.0.2.1'), 1, 1), 1);
  });
});

it('a million addresses take no more memory, and those that come often are still counted', () => {
  const table = new SlidingTable(60_000);
  const bytes = table.bytes;
  const random = randomOf(7);
  const hitters = Array.from({ length: 100 }, (_, i) => ({ high: 0, low: 0xc0000200 + i }));
  const counts = new Map<number, number>();
  for (let i = 0; i < 1_000_000; i++) {
    table.add({ high: 0x20010db8, low: i }, 1, i / 20);
    if (i % 200 < 100) {
      const hitter = hitters[Math.floor(random() * 100)] ?? assert.fail();
      counts.set(hitter.low, table.add(hitter, 1, i / 20));
    }
  }
  assert.equal(table.bytes, bytes);
  assert.ok(bytes <= 4 * 1024 * 1024, `${bytes} bytes`);
  assert.ok(table.forgotten > 500_000);
  // Each came some 5,000 times.
  for (const [low, count] of counts) assert.ok(count > 4_000, `${low}: ${count}`);
});
