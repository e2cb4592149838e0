/** The PROXY protocol, read and written. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseIp } from '#core/ip.ts';
import { encodeProxyHeader } from '#proxy/listener/encode-proxy-header.ts';
import { parseProxyHeader, proxyHeaderBytesMax } from '#proxy/listener/proxy-header.ts';

const signature = '0d0a0d0a000d0a515549540a';
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const four = 'c0000207 c6336401 dc04 01bb';
const six = '20010db8000000000000000000000001 20010db8000000000000000000000002 dc04 01bb';

const read: readonly [why: string, bytes: Buffer, source: string | null][] = [
  ['v1 IPv4', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n'), '192.0.2.7'],
  ['v1 IPv6', Buffer.from('PROXY TCP6 2001:DB8:0::1 2001:db8::2 56324 443\r\n'), '2001:db8::1'],
  [
    'v1 IPv4 in IPv6',
    Buffer.from('PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 1 0\r\n'),
    '192.0.2.7',
  ],
  ['v1 UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), null],
  ['v1 UNKNOWN with words behind', Buffer.from('PROXY UNKNOWN ff:: ff:: 1 2\r\n'), null],
  ['v1 of the largest size', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), null],
  ['v2 IPv4', hex(`${signature} 21 11 000c ${four}`), '192.0.2.7'],
  ['v2 IPv6', hex(`${signature} 21 21 0024 ${six}`), '2001:db8::1'],
  [
    'v2 with TLVs, which are skipped',
    hex(`${signature} 21 11 0013 ${four} 04000461626364`),
    '192.0.2.7',
  ],
  ['v2 LOCAL', hex(`${signature} 20 00 0000`), null],
  ['v2 LOCAL with bytes behind, which are skipped', hex(`${signature} 20 11 000c ${four}`), null],
  [
    'v2 of the largest size',
    Buffer.concat([hex(`${signature} 21 11 0ff0 ${four}`), Buffer.alloc(proxyHeaderBytesMax - 28)]),
    '192.0.2.7',
  ],
];

const refused: readonly [why: string, bytes: Buffer][] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
  ['TLS', hex('1603010200')],
  ['v1 in lower case', Buffer.from('proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n')],
  ['v1 over UDP', Buffer.from('PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n')],
  ['v1 with an IPv6 address for TCP4', Buffer.from('PROXY TCP4 2001:db8::1 198.51.100.1 1 2\r\n')],
  ['v1 with an IPv4 address for TCP6', Buffer.from('PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n')],
  ['v1 with two blanks', Buffer.from('PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n')],
  ['v1 with a word too many', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n')],
  ['v1 with a word too few', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n')],
  ['v1 with a leading zero in a port', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n')],
  ['v1 with a port too large', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n')],
  ['v1 with a signed port', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n')],
  [
    'v1 with a leading zero in an address',
    Buffer.from('PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n'),
  ],
  [
    'v1 with a lone line feed',
    Buffer.from(`PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n${' '.repeat(80)}`),
  ],
  ['v1 one byte too long', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`)],
  ['v2 with a broken signature', hex('0d0a0d0a000d0a515549540b 21 11 000c')],
  ['v2 of version 1', hex(`${signature} 11 11 000c ${four}`)],
  ['v2 with an unknown command', hex(`${signature} 22 11 000c ${four}`)],
  ['v2 over UDP', hex(`${signature} 21 12 000c ${four}`)],
  ['v2 over a Unix socket', Buffer.concat([hex(`${signature} 21 31 00d8`), Buffer.alloc(216)])],
  ['v2 without a family', hex(`${signature} 21 00 000c ${four}`)],
  ['v2 too short for its family', hex(`${signature} 21 21 000c ${four}`)],
  ['v2 one byte too long', hex(`${signature} 21 11 0ff1`)],
];

describe('a PROXY header', () => {
  for (const [why, bytes, source] of read) {
    it(`${why} names ${source ?? 'nobody'}, in any pieces and before any bytes`, () => {
      const expected = { source, end: bytes.length };
      assert.deepEqual(parseProxyHeader(bytes), expected);
      assert.deepEqual(
        parseProxyHeader(Buffer.concat([bytes, Buffer.from('\r\nGET /')])),
        expected,
      );
      for (let length = 0; length < Math.min(bytes.length, 200); length++)
        assert.equal(parseProxyHeader(bytes.subarray(0, length)), 'incomplete', String(length));
    });
  }

  for (const [why, bytes] of refused) {
    it(`${why} is refused`, () => {
      assert.equal(parseProxyHeader(bytes), 'invalid');
    });
  }

  it('as written is read again, for any two addresses', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(address, port, address, port, (from, fromPort, to, toPort) => {
        const bytes = encodeProxyHeader(from, fromPort, to, toPort);
        const source = parseIp(from);
        // fc.ipV6 also writes forms that Weir does not take as addresses.
        if (source === null || parseIp(to) === null) return;
        assert.deepEqual(parseProxyHeader(bytes), { source: source.text, end: bytes.length });
      }),
    );
  });

  it('written byte for byte, with both addresses of one family', () => {
    assert.deepEqual(encodeProxyHeader('192.0.2.7', 0xdc04, '198.51.100.1', 443), read[6]?.[1]);
    assert.deepEqual(
      encodeProxyHeader('192.0.2.7', 1, '2001:db8::2', 2),
      hex(
        `${signature} 21 21 0024 00000000000000000000ffffc0000207 20010db8000000000000000000000002 0001 0002`,
      ),
    );
  });

  it('of any bytes crashes nothing, and is decided by its bound', () => {
    const start = fc.constantFrom(
      '',
      signature,
      `${signature}21`,
      `${signature}2111`,
      `${signature}2121`,
      '50524f585920',
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, rest) => {
        const bytes = Buffer.concat([hex(head), rest]);
        const result = parseProxyHeader(bytes);
        if (typeof result === 'object') assert.ok(result.end <= bytes.length);
        const long = Buffer.concat([bytes, Buffer.alloc(proxyHeaderBytesMax)]);
        assert.notEqual(parseProxyHeader(long), 'incomplete');
      }),
      { numRuns: 2_000 },
    );
  });
});
