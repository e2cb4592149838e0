import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CidrMap } from '../../src/core/cidr-map.ts';
import { type Cidr, cidrContains, parseCidr, parseIp } from '../../src/core/ip.ts';

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed !== null, text);
  return parsed;
}

function mapOf(entries: Record<string, string>): CidrMap<string> {
  const map = new CidrMap<string>(1_000);
  for (const [range, value] of Object.entries(entries)) map.set(cidr(range), value);
  return map;
}

const cases = [
  { address: '10.1.2.3', value: 'host' },
  { address: '::ffff:10.1.2.3', value: 'host' },
  { address: '10.1.2.4', value: 'net' },
  { address: '10.2.0.1', value: 'wide' },
  { address: '11.0.0.1', value: undefined },
  { address: '2001:db8::1', value: 'six' },
  { address: '2001:db8::1%eth0', value: 'six' },
  { address: '2001:db8:1::', value: 'six-wide' },
  { address: '2001:db9::', value: undefined },
  { address: 'not an address', value: undefined },
  { address: '', value: undefined },
];

for (const { address, value } of cases) {
  test(`the longest range for ${JSON.stringify(address)} is ${value}`, () => {
    const map = mapOf({
      '10.0.0.0/8': 'wide',
      '10.1.2.0/24': 'net',
      '10.1.2.3': 'host',
      '2001:db8::1': 'six',
      '2001:db8::/32': 'six-wide',
    });
    assert.equal(map.lookup(address), value);
  });
}

test('an empty prefix holds its family and not the other', () => {
  assert.equal(mapOf({ '0.0.0.0/0': 'all' }).lookup('203.0.113.9'), 'all');
  assert.equal(mapOf({ '0.0.0.0/0': 'all' }).lookup('::1'), undefined);
  assert.equal(mapOf({ '::/0': 'all' }).lookup('203.0.113.9'), undefined);
});

test('at its bound it takes no new range, but a new value for one it has', () => {
  const map = new CidrMap<number>(2);
  assert.equal(map.set(cidr('10.0.0.1'), 1), true);
  assert.equal(map.set(cidr('::1'), 2), true);
  assert.equal(map.set(cidr('10.0.0.2'), 3), false);
  assert.equal(map.lookup('10.0.0.2'), undefined);
  assert.equal(map.set(cidr('10.0.0.1'), 4), true);
  assert.equal(map.lookup('10.0.0.1'), 4);
  assert.equal(map.size, 2);
  assert.equal(map.delete(cidr('::1')), true);
  assert.equal(map.delete(cidr('::1')), false);
  assert.equal(map.set(cidr('10.0.0.2'), 3), true);
});

test('a hundred thousand addresses are all found, and after deletion none', () => {
  const map = new CidrMap<number>(100_000);
  const texts = Array.from(
    { length: 100_000 },
    (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`,
  );
  for (const [at, text] of texts.entries()) assert.ok(map.set(cidr(text), at));
  assert.ok(texts.every((text, at) => map.lookup(text) === at));
  for (const text of texts) assert.ok(map.delete(cidr(text)));
  assert.equal(map.size, 0);
  assert.ok(texts.every((text) => map.lookup(text) === undefined));
});

/** Few bits vary, so that ranges nest and collide. */
const range = fc.oneof(
  fc
    .tuple(fc.nat(3), fc.nat(3), fc.integer({ min: 0, max: 32 }))
    .map(([a, b, prefix]) => `10.${a}.0.${b}/${prefix}`),
  fc
    .tuple(fc.nat(3), fc.nat(3), fc.integer({ min: 0, max: 128 }))
    .map(([a, b, prefix]) => `fd00:${a}::${b}/${prefix}`),
);
const address = fc.oneof(
  fc.tuple(fc.nat(4), fc.nat(4)).map(([a, b]) => `10.${a}.0.${b}`),
  fc.tuple(fc.nat(4), fc.nat(4)).map(([a, b]) => `fd00:${a}::${b}`),
);
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('set' as const), range, value: fc.nat(1_000) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), range }) },
);

test('after any sets and deletes it answers as a scan over all ranges does', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 150 }),
      fc.array(address, { minLength: 1, maxLength: 20 }),
      (steps, asked) => {
        const map = new CidrMap<number>(100);
        const naive = new Map<string, { cidr: Cidr; value: number }>();
        for (const one of steps) {
          const at = cidr(one.range);
          if (one.kind === 'set') {
            const fits = naive.has(at.text) || naive.size < 100;
            if (fits) naive.set(at.text, { cidr: at, value: one.value });
            assert.equal(map.set(at, one.value), fits);
          } else {
            assert.equal(map.delete(at), naive.delete(at.text));
          }
        }
        assert.equal(map.size, naive.size);
        for (const text of asked) {
          const parsed = parseIp(text);
          assert.ok(parsed !== null);
          const holding = [...naive.values()].filter((entry) => cidrContains(entry.cidr, parsed));
          const longest = holding.toSorted((a, b) => b.cidr.prefix - a.cidr.prefix)[0];
          assert.equal(map.lookup(text), longest?.value);
        }
      },
    ),
    { numRuns: 500 },
  );
});
