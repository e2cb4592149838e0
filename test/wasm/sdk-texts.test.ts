/** Addresses, base64url and plain text of the guest SDK, each against what Node makes of the same. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { before, describe, it } from 'node:test';
import { instantiate } from '@assemblyscript/loader';
import fc from 'fast-check';
import { buildTestGuest } from '../support/guests.ts';
import { propertySettings } from '../support/property.ts';

type Probe = Record<
  'place' | 'readAddress' | 'isV4' | 'isIn' | 'decodeBase64Url' | 'writePlainText',
  (...numbers: number[]) => number
> & { readonly addressBytes: { readonly value: number } };

let probe: Probe;
let memory: WebAssembly.Memory;
let at: number;
let into: number;

before(async () => {
  const { exports } = await instantiate(await buildTestGuest('texts-probe'));
  probe = exports as unknown as Probe;
  memory = (exports as unknown as { memory: WebAssembly.Memory }).memory;
  at = probe.place(4_096);
  into = probe.place(4_096);
});

const put = (text: string | Buffer, where = at): number =>
  Buffer.from(text).copy(Buffer.from(memory.buffer), where);
const written = (length: number): Buffer =>
  Buffer.from(Buffer.from(memory.buffer, into, Math.max(0, length)));
const isAddress = (text: string): boolean => probe.readAddress(at, put(text)) !== 0;

describe('addresses', () => {
  const v4 = fc.ipV4();
  const v6 = fc.ipV6();

  it('are those Node takes for some, but for leading zeros', (test) => {
    const nearly = fc.string({ unit: fc.constantFrom(...'0123456789abf.::'), maxLength: 24 });
    fc.assert(
      fc.property(fc.oneof(v4, v6, nearly), (text) => {
        assert.equal(isAddress(text), net.isIP(text) !== 0, text);
      }),
      propertySettings(test, 3_000),
    );
  });

  const edges = [
    ...['1:2:3:4:5:6:7::8', '1::2:3:4:5:6:7:8', '::1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8::'],
    ...['1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8', ':::', '::', ':', '1::2::3', '1:', ':1', '12345::'],
    ...['::1.2.3.4', '1.2.3.4::', '::1.2.3', '1:2:3:4:5:6:7:1.2.3.4', '1:2:3:4:5:6:1.2.3.4'],
    ...[
      '01.2.3.4',
      '1.2.3.256',
      '1.2.3.4.',
      '.1.2.3.4',
      '1.2.3.4.5',
      '1..2.3',
      '1.2.3.0004',
      'g::',
    ],
  ];
  for (const text of edges)
    it(`${JSON.stringify(text)} is one where Node says so`, () =>
      assert.equal(isAddress(text), net.isIP(text) !== 0));

  it('are in the networks Node finds them in', (test) => {
    const network = fc.oneof(
      fc.tuple(v4, fc.nat(32), fc.constant('ipv4' as const)),
      fc.tuple(v6, fc.nat(128), fc.constant('ipv6' as const)),
    );
    fc.assert(
      fc.property(network, v4, v6, fc.boolean(), ([base, bits, family], one, six, isNear) => {
        const list = new net.BlockList();
        list.addSubnet(base, bits, family);
        const other = family === 'ipv4' ? one : six;
        const address = isNear ? base : other;
        const length = put(address);
        const networkLength = put(`${base}/${bits}`, into);
        const found = probe.isIn(at, length, into, networkLength);
        assert.equal(found, Number(list.check(address, family)), `${address} in ${base}/${bits}`);
      }),
      propertySettings(test, 2_000),
    );
  });

  it('of IPv4 are the same when they come as IPv6', () => {
    const isIn = (address: string, network: string): number =>
      probe.isIn(at, put(address), into, put(network, into));
    assert.equal(isIn('::ffff:192.0.2.7', '192.0.2.0/24'), 1);
    assert.equal(isIn('::ffff:c000:207', '192.0.2.0/24'), 1);
    assert.equal(isIn('192.0.2.7', '::ffff:0:0/96'), 1);
    assert.equal(isIn('192.0.2.7', '::/0'), 1);
    assert.equal(isIn('2001:db8::1', '0.0.0.0/0'), 0);
    assert.equal(isIn('fe80::1%eth0', 'fe80::/10'), 1);
    for (const wrong of ['192.0.2.0/33', '::/129', '1.2.3/8', '1.2.3.4/', '1.2.3.4/x', ''])
      assert.equal(isIn('1.2.3.4', wrong), -1, wrong);
  });
});

describe('base64url', () => {
  const decode = (text: string): Buffer | null => {
    const length = probe.decodeBase64Url(at, put(text), into);
    return length < 0 ? null : written(length);
  };

  it('gives back every bytes', (test) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64url');
        assert.deepEqual(decode(text), Buffer.from(bytes));
      }),
      propertySettings(test, 500),
    );
  });

  it('takes only what would be written so', (test) => {
    const text = fc.string({ unit: fc.constantFrom(...'ABab01-_+/= .'), maxLength: 12 });
    fc.assert(
      fc.property(text, (given) => {
        const bytes = Buffer.from(given, 'base64url');
        const isCanonical = bytes.toString('base64url') === given;
        assert.deepEqual(decode(given), isCanonical ? bytes : null, given);
      }),
      propertySettings(test, 2_000),
    );
  });
});

describe('plain text', () => {
  const plain = (given: string | Buffer): string =>
    written(probe.writePlainText(at, put(given), into)).toString('latin1');

  const rows: readonly (readonly [string, string])[] = [
    ['Hello,  World!', 'hello world '],
    ['  a\t\r\nb ', 'a b '],
    ['a\0b', 'ab'],
    ['Ærøskøbing Straße', 'aroskobing strase'],
    ['Łódź Žižkov', 'lodz zizkov'],
    ['ΑΒΕ αο', 'abe ao'],
    ['АВЕ асе', 'abe ace'],
    ['\u{1d400}\u{1d41a}\u{1d7d8}', 'aa0'],
    ['\ufeffa\u200b\u200db\u202e\u0301', 'ab'],
    ['１２３ａ　ｂ', '123a b'],
    ['日本', '??'],
    ['\u212aelvin \u017fmall', 'kelvin small'],
    ['“a”—b…', 'a b '],
  ];
  for (const [given, expected] of rows)
    it(`of ${JSON.stringify(given)} is ${JSON.stringify(expected)}`, () =>
      assert.equal(plain(given), expected));

  it('of any bytes is a-z, 0-9, ? and single blanks, and no longer', (test) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = plain(Buffer.from(bytes));
        assert.match(text, /^(?:[a-z0-9?]+ ?)*$/);
        assert(text.length <= bytes.length);
      }),
      propertySettings(test, 1_000),
    );
  });

  it('of any letter is the letter without its accent, as Unicode takes it apart', (test) => {
    const accented = fc
      .integer({ min: 0xc0, max: 0x17f })
      .map((code) => String.fromCodePoint(code));
    fc.assert(
      fc.property(accented, (letter) => {
        const base = letter.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
        if (/^[a-z]$/.test(base)) assert.equal(plain(letter), base, letter);
      }),
      propertySettings(test, 500),
    );
  });
});
