import assert from 'node:assert/strict';
import { isIP, isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  cidrContains,
  formatCidr,
  isLoopback,
  isUnspecified,
  parseCidr,
  parseIp,
} from '../../src/core/ip.ts';

const addresses: readonly (readonly [text: string, canonical: string | null])[] = [
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['10.1.2.3', '10.1.2.3'],
  ['010.1.2.3', null],
  ['00.1.2.3', null],
  ['0x7f.0.0.1', null],
  ['127.1', null],
  ['2130706433', null],
  ['1.2.3', null],
  ['1.2.3.4.', null],
  ['1.2.3.4.5', null],
  ['.1.2.3', null],
  ['1..2.3', null],
  ['256.0.0.1', null],
  ['1.2.3.1000', null],
  ['1.2.3.-4', null],
  [' 1.2.3.4', null],
  ['1.2.3.4\n', null],
  ['', null],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:DB8::A', '2001:db8::a'],
  ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
  ['1:0:2:0:3:0:4:0', '1:0:2:0:3:0:4:0'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::FFFF:a00:1', '10.0.0.1'],
  ['0:0:0:0:0:ffff:10.0.0.1', '10.0.0.1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['1:2:3::192.0.2.33', '1:2:3::c000:221'],
  ['::10.0.0.1', '::a00:1'],
  ['1:2:3:4:5:6:7', null],
  ['1:2:3:4:5:6:7:8:9', null],
  ['1:2:3:4:5:6:7:8::', null],
  ['1::2::3', null],
  [':::', null],
  [':1::', null],
  ['1:', null],
  ['::1:', null],
  ['12345::', null],
  ['g::', null],
  ['::1.2.3', null],
  ['::01.2.3.4', null],
  ['1:2:3:4:5:6:7:1.2.3.4', null],
  ['1.2.3.4::', null],
  ['fe80::1%eth0', null],
  ['[::1]', null],
  ['::1/128', null],
];

for (const [text, canonical] of addresses) {
  test(`${JSON.stringify(text)} reads as ${canonical ?? 'no address'}`, () => {
    assert.equal(parseIp(text)?.text ?? null, canonical);
  });
}

const ranges: readonly (readonly [
  text: string,
  canonical: string | null,
  hostBitsSet?: boolean,
])[] = [
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['10.1.2.3/8', '10.0.0.0/8', true],
  ['10.1.2.3', '10.1.2.3'],
  ['10.1.2.3/32', '10.1.2.3'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['1.2.3.4/0', '0.0.0.0/0', true],
  ['::/0', '::/0'],
  ['2001:db8::1/32', '2001:db8::/32', true],
  ['2001:db8:ffff:ffff::/33', '2001:db8:8000::/33', true],
  ['::1/128', '::1'],
  ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
  ['::ffff:10.0.0.1/128', '10.0.0.1'],
  ['::ffff:0:0/80', '::/80', true],
  ['10.0.0.0/33', null],
  ['10.0.0.0/08', null],
  ['10.0.0.0/+8', null],
  ['10.0.0.0/', null],
  ['10.0.0.0/8/8', null],
  ['10.0.0/8', null],
  ['::/129', null],
  ['::ffff:10.0.0.0/129', null],
  ['fe80::%eth0/64', null],
  ['/8', null],
];

for (const [text, canonical, hostBitsSet = false] of ranges) {
  test(`${JSON.stringify(text)} reads as ${canonical ?? 'no range'}`, () => {
    const cidr = parseCidr(text);
    assert.equal(cidr === null ? null : formatCidr(cidr), canonical);
    if (cidr !== null) assert.equal(cidr.hostBitsSet, hostBitsSet);
  });
}

test('every address a socket can give is read, and its canonical text reads as itself', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseIp(text);
      assert.notEqual(address, null, text);
      assert.equal(isIP(address?.text ?? ''), address?.family);
      assert.equal(parseIp(address?.text ?? '')?.text, address?.text);
    }),
  );
});

test('what the system does not take for an address is refused', () => {
  const character = fc.constantFrom(...'0123456789abcdef:.:.%/ x');
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 46 }), (text) => {
      // The system's IPv6 reader takes zones, which are refused here.
      assert.equal(
        parseIp(text) !== null,
        isIP(text) !== 0 && !(isIPv6(text) && text.includes('%')),
        text,
      );
    }),
    { numRuns: 5_000 },
  );
});

test('the first and the last address of a range are in it, their neighbours are not', () => {
  const cidr = parseCidr('192.0.2.64/26');
  const inside = ['192.0.2.64', '192.0.2.127', '::ffff:192.0.2.100'];
  const outside = ['192.0.2.63', '192.0.2.128', '::c000:240'];
  for (const text of [...inside, ...outside]) {
    const address = parseIp(text);
    assert.ok(cidr !== null && address !== null);
    assert.equal(cidrContains(cidr, address), inside.includes(text), text);
  }
});

test('loopback and unspecified addresses are known in both families', () => {
  const loopback = ['127.0.0.1', '127.255.0.3', '::1', '::ffff:127.0.0.1'];
  const unspecified = ['0.0.0.0', '::', '::ffff:0.0.0.0'];
  for (const text of [...loopback, ...unspecified, '128.0.0.1', '::2', '1::', '10.0.0.1']) {
    const address = parseIp(text);
    assert.ok(address !== null);
    assert.equal(isLoopback(address), loopback.includes(text), text);
    assert.equal(isUnspecified(address), unspecified.includes(text), text);
  }
});
