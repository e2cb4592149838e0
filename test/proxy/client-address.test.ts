/** Who the client is behind trusted proxies. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CidrMap } from '#core/cidr-map.ts';
import { parseCidr } from '#core/ip.ts';
import { clientAddress, peerAddress } from '#proxy/client-address.ts';
import { complete } from '#proxy/http1/parse-problem.ts';
import { parseRequest } from '#proxy/http1/parse-request.ts';
import { RequestView } from '#waf/request-view.ts';

const trusted = new CidrMap<true>(4);
for (const text of ['10.0.0.0/8', 'fd00::/8']) trusted.set(parseCidr(text) ?? assert.fail(), true);

function client(...chains: readonly string[]): string {
  const view = new RequestView(100);
  const lines = chains.map((chain) => `X-Forwarded-For: ${chain}\r\n`).join('');
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`, 'latin1');
  assert.equal(
    parseRequest(view, bytes, 0, bytes.length, { headBytesMax: 32_768, urlBytesMax: 100 }),
    complete,
  );
  return clientAddress('10.0.0.1', view, trusted, null);
}

describe('X-Forwarded-For from a trusted proxy', () => {
  const rows: readonly [name: string, chains: readonly string[], expected: string][] = [
    ['none', [], '10.0.0.1'],
    ['one address', ['192.0.2.1'], '192.0.2.1'],
    [
      'the last that is not trusted, whatever stands before it',
      ['203.0.113.1, 192.0.2.1'],
      '192.0.2.1',
    ],
    ['past trusted proxies', ['192.0.2.1, 10.1.1.1,10.2.2.2'], '192.0.2.1'],
    ['over several fields, the last first', ['203.0.113.1', '192.0.2.1, 10.1.1.1'], '192.0.2.1'],
    ['all trusted: the first', ['10.3.3.3, 10.1.1.1'], '10.3.3.3'],
    ['IPv6 in its canonical form', ['2001:DB8:0:0::1'], '2001:db8::1'],
    ['IPv6 past a trusted one', ['2001:db8::1, fd00::2'], '2001:db8::1'],
    ['IPv4 in IPv6 is IPv4', ['::ffff:192.0.2.1'], '192.0.2.1'],
    ['malformed: the last that could be believed', ['192.0.2.1, unknown, 10.1.1.1'], '10.1.1.1'],
    ['nothing but malformed', ['unknown'], '10.0.0.1'],
    ['empty', [''], '10.0.0.1'],
    ['an empty element', ['192.0.2.1,,10.1.1.1'], '10.1.1.1'],
    ['with a port', ['192.0.2.1:443'], '10.0.0.1'],
    ['with a leading zero', ['192.0.2.01'], '10.0.0.1'],
    ['script', ['<script>'], '10.0.0.1'],
    ['as many hops as are read', [`192.0.2.1${', 10.1.1.1'.repeat(31)}`], '192.0.2.1'],
    ['more hops than are read', [`192.0.2.1${', 10.1.1.1'.repeat(32)}`], '10.1.1.1'],
  ];
  for (const [name, chains, expected] of rows)
    it(name, () => assert.equal(client(...chains), expected));
});

describe('the peer of a socket', () => {
  for (const [shown, address] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::1', '::1'],
    ['2001:db8::1', '2001:db8::1'],
  ] as const) {
    it(`${shown} is ${address}`, () => assert.equal(peerAddress(shown), address));
  }
});
