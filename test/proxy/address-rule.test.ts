/** Whom a listener's own rule takes for the client. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientAddress, compileAddressRule } from '#proxy/client-address.ts';
import { compileRanges } from '#proxy/entrance.ts';
import { forwardedFor } from '#proxy/forwarded-field.ts';
import { viewOf } from '../support/view.ts';

const nobody = compileRanges([]);

type Fields = readonly (readonly [string, string])[];
const client = (header: string, hops: number, headers: Fields): string =>
  clientAddress(
    '10.0.0.1',
    viewOf({ target: '/', headers }),
    nobody,
    compileAddressRule(header, hops),
  );

const xff = (...values: readonly string[]): Fields =>
  values.map((value) => ['X-Forwarded-For', value]);
const forwarded = (...values: readonly string[]): Fields =>
  values.map((value) => ['Forwarded', value]);

const rows: readonly [
  why: string,
  header: string,
  hops: number,
  headers: Fields,
  expected: string,
][] = [
  ['the rightmost', 'X-Forwarded-For', 1, xff('6.6.6.6, 192.0.2.1'), '192.0.2.1'],
  [
    'the second from the right',
    'X-Forwarded-For',
    2,
    xff('6.6.6.6, 192.0.2.1, 10.9.9.9'),
    '192.0.2.1',
  ],
  [
    'over several fields',
    'X-Forwarded-For',
    3,
    xff('6.6.6.6, 192.0.2.1', '10.8.8.8, 10.9.9.9'),
    '192.0.2.1',
  ],
  [
    'fewer than there should be: the leftmost',
    'X-Forwarded-For',
    3,
    xff('192.0.2.1, 10.9.9.9'),
    '192.0.2.1',
  ],
  [
    'malformed on the way: the last believable',
    'X-Forwarded-For',
    3,
    xff('192.0.2.1, x, 10.9.9.9'),
    '10.9.9.9',
  ],
  ['malformed at once: the peer', 'X-Forwarded-For', 1, xff('192.0.2.1, x'), '10.0.0.1'],
  [
    'without the field: the peer',
    'X-Forwarded-For',
    1,
    [['Forwarded', 'for=192.0.2.1']],
    '10.0.0.1',
  ],
  ['the name in any case', 'x-forwarded-for', 1, [['X-FORWARDED-FOR', '192.0.2.1']], '192.0.2.1'],
  ['Forwarded', 'Forwarded', 1, forwarded('for=6.6.6.6, for=192.0.2.1;proto=https'), '192.0.2.1'],
  [
    'Forwarded, IPv6 in its canonical form',
    'Forwarded',
    1,
    forwarded('For="[2001:DB8:0::1]:4711"'),
    '2001:db8::1',
  ],
  [
    'Forwarded, the second',
    'Forwarded',
    2,
    forwarded('for=192.0.2.1', 'for=10.9.9.9'),
    '192.0.2.1',
  ],
  [
    'Forwarded with an obfuscated name: the last believable',
    'Forwarded',
    2,
    forwarded('for=_hidden, for=10.9.9.9'),
    '10.9.9.9',
  ],
  [
    'Forwarded without for: the peer',
    'Forwarded',
    1,
    forwarded('for=192.0.2.1, proto=http'),
    '10.0.0.1',
  ],
  [
    'a comma inside quotes parts nothing',
    'Forwarded',
    1,
    forwarded('for=192.0.2.1;by=", for=6.6.6.6"'),
    '192.0.2.1',
  ],
  [
    'a quote left open by the client: the peer',
    'Forwarded',
    1,
    forwarded('for="6.6.6.6, for=192.0.2.1'),
    '10.0.0.1',
  ],
  ['a single address', 'CF-Connecting-IP', 1, [['cf-connecting-ip', '192.0.2.1']], '192.0.2.1'],
  [
    'two where there is to be one: the peer',
    'CF-Connecting-IP',
    1,
    [
      ['CF-Connecting-IP', '192.0.2.1'],
      ['CF-Connecting-IP', '6.6.6.6'],
    ],
    '10.0.0.1',
  ],
  [
    'a list where there is to be one: the peer',
    'CF-Connecting-IP',
    1,
    [['CF-Connecting-IP', '6.6.6.6, 192.0.2.1']],
    '10.0.0.1',
  ],
  [
    'a longer name that ends alike',
    'CF-Connecting-IP',
    1,
    [['X-CF-Connecting-IP', '192.0.2.1']],
    '10.0.0.1',
  ],
];

describe('a listener’s address rule', () => {
  for (const [why, header, hops, headers, expected] of rows) {
    it(why, () => {
      assert.equal(client(header, hops, headers), expected);
    });
  }
});

const elements: readonly [value: string, expected: readonly string[]][] = [
  ['for=192.0.2.1', ['192.0.2.1']],
  ['for=192.0.2.1:80', ['']],
  ['for="192.0.2.1:80"', ['192.0.2.1']],
  ['for="[2001:db8::1]"', ['2001:db8::1']],
  ['for=unknown', ['']],
  ['for="2001:db8::1"', ['']],
  ['for=1.1.1.1;for=2.2.2.2', ['']],
  ['proto=https;for=1.1.1.1;', ['1.1.1.1']],
  ['for = 1.1.1.1', ['']],
  ['for=1.1.1.1 for=2.2.2.2', ['']],
  ['', ['']],
  [',', ['', '']],
  ['for="a\\",for=1.1.1.1"', ['']],
];

describe('a Forwarded field', () => {
  for (const [value, expected] of elements) {
    it(`${value || 'empty'} names ${expected.map((text) => text || 'nobody').join(' and ')}`, () => {
      assert.deepEqual(forwardedFor(value), expected);
    });
  }

  it('of any length takes time in proportion', () => {
    for (const evil of ['a="\\', 'a=b;', '"', 'for=1.1.1.1;', ' ', 'a=" '])
      assert.ok(forwardedFor(evil.repeat(30_000)).length > 0);
  });
});
