/** MMDB files: what is in them is found, and what is wrong with them costs an answer and no more. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Mmdb } from '#core/mmdb.ts';
import { control, encode, pointerTo, Typed, writeMmdb } from '#demo/mmdb-writer.ts';
import { propertySettings } from '../support/property.ts';

function opened(bytes: Buffer): Mmdb {
  const database = Mmdb.open(bytes);
  assert(typeof database !== 'string', String(database));
  return database;
}

const germany = {
  country: { iso_code: 'DE', names: { en: 'Germany', de: 'Deutschland' }, is_in_eu: true },
  subdivisions: [{ iso_code: 'BE' }, { iso_code: 'XX' }],
  location: {
    latitude: new Typed('double', 52.5),
    accuracy: new Typed('float', 0.5),
    offset: new Typed('int32', -60),
    empty: '',
  },
  autonomous_system_number: 64_496,
  big: new Typed('uint64', 18_446_744_073_709_551_615n),
  bigger: new Typed('uint128', 2n ** 100n),
  none: 0,
  long: 'x'.repeat(300),
  longer: 'y'.repeat(70_000),
};
const ranges = [
  ['198.51.0.0/16', { country: { iso_code: 'FR' } }],
  ['198.51.100.0/24', germany],
  ['198.51.100.77', 'alone'],
  ['2001:db8::/32', { country: { iso_code: 'NL' } }],
] as const;

describe('a database with records of', () => {
  for (const recordSize of [24, 28, 32] as const) {
    it(`${recordSize} bits finds the narrowest range of both families`, () => {
      const database = opened(writeMmdb(ranges, { recordSize }));
      const country = (address: string) => database.lookup(address, 'country.iso_code');
      assert.equal(country('198.51.100.1'), 'DE');
      assert.equal(country('::ffff:198.51.100.1'), 'DE');
      assert.equal(country('198.51.101.1'), 'FR');
      assert.equal(country('198.51.100.77'), null);
      assert.equal(country('198.52.0.0'), null);
      assert.equal(country('2001:db8:1::1'), 'NL');
      assert.equal(country('2001:db9::1'), null);
      assert.equal(country('::1'), null);
      assert.equal(country('no address'), null);
      assert.equal(database.damage(), null);
    });
  }
});

describe('a path', () => {
  const database = opened(writeMmdb(ranges));
  const cases: readonly (readonly [string, string | null])[] = [
    ['country.iso_code', 'DE'],
    ['country.names.de', 'Deutschland'],
    ['country.is_in_eu', 'true'],
    ['subdivisions.0.iso_code', 'BE'],
    ['subdivisions.1.iso_code', 'XX'],
    ['subdivisions.2.iso_code', null],
    ['subdivisions.-1.iso_code', null],
    ['subdivisions.01.iso_code', null],
    ['location.latitude', '52.5'],
    ['location.accuracy', '0.5'],
    ['location.offset', '-60'],
    ['location.empty', ''],
    ['autonomous_system_number', '64496'],
    ['big', '18446744073709551615'],
    ['bigger', '1267650600228229401496703205376'],
    ['none', '0'],
    ['long', 'x'.repeat(300)],
    ['longer', null],
    ['country', null],
    ['subdivisions', null],
    ['country.iso_code.0', null],
    ['country.nothing', null],
    ['', null],
    ['a.b.c.d.e.f.g.h.i', null],
    ['toString', null],
  ];
  for (const [path, expected] of cases) {
    it(`${path || '(empty)'} is ${expected === null ? 'nothing' : expected.slice(0, 20)}`, () =>
      assert.equal(database.lookup('198.51.100.1', path), expected));
  }

  it('leads through pointers, in keys and in values', () => {
    const key = encode('iso_code');
    const value = encode({ [`k`]: 'v' });
    const shared = Buffer.concat([key, value]);
    const map = Buffer.concat([
      control(7, 2),
      pointerTo(0),
      pointerTo(key.length),
      encode('x'),
      encode('y'),
    ]);
    const database = opened(
      writeMmdb([
        ['192.0.2.0/24', shared],
        ['192.0.3.0/24', map],
      ]),
    );
    assert.equal(database.lookup('192.0.3.1', 'iso_code.k'), 'v');
    assert.equal(database.lookup('192.0.3.1', 'x'), 'y');
  });

  for (const filler of [0, 2_047, 3_000, 526_335, 600_000, 17_000_000]) {
    it(`leads to what lies behind ${filler} bytes, by record and by pointer`, () => {
      const map = Buffer.concat([control(7, 1), encode('x'), pointerTo(filler)]);
      for (const recordSize of [28, 32] as const) {
        const database = opened(
          writeMmdb(
            [
              ['192.0.1.0/24', Buffer.alloc(filler)],
              ['192.0.2.0/24', 'far'],
              ['192.0.3.0/24', map],
              ['192.0.4.0/24', map],
              ['192.0.7.0/24', map],
            ],
            { recordSize },
          ),
        );
        assert.equal(database.lookup('192.0.2.1', ''), null);
        for (const address of ['192.0.3.1', '192.0.4.1', '192.0.7.1'])
          assert.equal(database.lookup(address, 'x'), 'far');
        assert.equal(database.damage(), null);
      }
    });
  }

  it('is followed for 4,096 values and no further', () => {
    const database = opened(writeMmdb([['192.0.2.0/24', { a: new Array(9_000).fill(1) }]]));
    assert.equal(database.lookup('192.0.2.1', 'a.4000'), '1');
    assert.equal(database.lookup('192.0.2.1', 'a.5000'), null);
  });

  it('in a database of IPv4 alone is nothing for IPv6', () => {
    const database = opened(writeMmdb([['192.0.2.0/24', { a: 'b' }]], { ipVersion: 4 }));
    assert.equal(database.lookup('192.0.2.9', 'a'), 'b');
    assert.equal(database.lookup('2001:db8::1', 'a'), null);
  });
});

describe('a file is refused that', () => {
  const good = writeMmdb(ranges);
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ['is empty', Buffer.alloc(0), /no MMDB file/],
    ['is something else', Buffer.from('PK\x03\x04'.repeat(100)), /no MMDB file/],
    ['has lost its beginning', good.subarray(good.length - 300), /cut short/],
    [
      'ends in its metadata',
      good.subarray(0, good.length - 60),
      /damaged metadata|format|records|IP version|nodes/,
    ],
    [
      'is of another version',
      writeMmdb(ranges, { metadata: { binary_format_major_version: 3 } }),
      /format 3/,
    ],
    [
      'has records of another size',
      writeMmdb(ranges, { metadata: { record_size: 20 } }),
      /20 bits/,
    ],
    ['is for another protocol', writeMmdb(ranges, { metadata: { ip_version: 5 } }), /IP version 5/],
    ['has no nodes', writeMmdb(ranges, { metadata: { node_count: 0 } }), /0 nodes/],
    [
      'says more nodes than it has',
      writeMmdb(ranges, { metadata: { node_count: 70_000_000 } }),
      /cut short/,
    ],
    [
      'says words for numbers',
      writeMmdb(ranges, { metadata: { node_count: 'many' } }),
      /NaN nodes/,
    ],
  ];
  for (const [what, bytes, why] of cases) {
    it(what, () => {
      const result = Mmdb.open(bytes);
      assert(typeof result === 'string');
      assert.match(result, why);
    });
  }
});

describe('damage', () => {
  it('shows in a record that leads nowhere', () => {
    const bytes = writeMmdb(ranges);
    bytes.fill(255, 0, 7);
    assert.match(opened(bytes).damage() ?? '', /record 0 of node 0 leads nowhere/);
    assert.equal(opened(bytes).lookup('198.51.100.1', 'country.iso_code'), null);
  });

  const place = (value: Buffer) => opened(writeMmdb([['192.0.2.0/24', value]]));
  const cases: readonly (readonly [string, Buffer])[] = [
    ['a map of sixteen million entries', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    [
      'a map in a map without an end',
      Buffer.concat(Array(2_000).fill(Buffer.from([0xe1, 0x41, 0x61]))),
    ],
    ['a pointer to itself', Buffer.from([0x20, 0])],
    ['a pointer beyond the end', Buffer.from([0x38, 0xff, 0xff, 0xff, 0xff])],
    ['a text longer than the file', Buffer.from([0x5f, 0xff, 0xff, 0xff])],
    ['a map whose key is a number', Buffer.concat([control(7, 1), encode(7), encode('x')])],
    ['an array that points at itself', Buffer.concat([control(11, 1), pointerTo(0)])],
    ['a value of an unknown type', Buffer.from([0x00, 0xff])],
  ];
  for (const [what, value] of cases) {
    it(`${what} is no answer, and ends`, () => {
      for (const path of ['a', '0', '0.0.0.0', 'a.a.a.a'])
        assert.equal(place(value).lookup('192.0.2.1', path), null);
    });
  }

  it('of any kind throws nothing and never hangs', (test) => {
    const good = writeMmdb([...ranges, ['0.0.0.0/0', { a: [{ b: 'c' }] }]], { recordSize: 24 });
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 40 }),
        fc.nat(good.length),
        (changes, cut) => {
          const bytes = Buffer.from(good);
          for (const [at, byte] of changes) bytes[at] = byte;
          for (const damaged of [bytes, bytes.subarray(0, cut), bytes.subarray(cut)]) {
            const database = Mmdb.open(damaged);
            if (typeof database === 'string') continue;
            database.damage();
            for (const address of ['198.51.100.1', '2001:db8::1', '10.0.0.1'])
              for (const path of ['country.iso_code', 'subdivisions.1.iso_code', 'a.0.b'])
                database.lookup(address, path);
          }
        },
      ),
      propertySettings(test, 3_000),
    );
  });
});
