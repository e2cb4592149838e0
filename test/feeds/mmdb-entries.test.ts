/** Countries and networks of a database as ranges: what they hold is what a look at each address says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { CidrMap } from '#core/cidr-map.ts';
import { Mmdb } from '#core/mmdb.ts';
import { writeMmdb } from '#demo/mmdb-writer.ts';
import { type MmdbTerms, readMmdbEntries } from '#feeds/mmdb-entries.ts';
import { propertySettings } from '../support/property.ts';

const country = (code: string) => ({ country: { iso_code: code } });
const network = (number: number) => ({ autonomous_system_number: number });
const places = writeMmdb([
  ['45.83.64.0/24', country('DE')],
  ['45.83.65.0/24', country('DE')],
  ['45.83.66.0/24', country('FR')],
  ['45.83.67.0/24', country('AT')],
  ['60.0.0.0/6', country('JP')],
  ['2001:470::/32', country('DE')],
  ['2001:471::/32', { continent: 'EU' }],
]);

const terms = (given: Partial<MmdbTerms>): MmdbTerms => ({
  ...{ countries: [], networks: [], of: 'listed' },
  ...{ entriesMax: 1_000, bytesMax: 1_000_000, ...given },
});

async function read(bytes: Buffer, given: Partial<MmdbTerms>): Promise<readonly string[]> {
  const found = await readMmdbEntries(bytes, terms(given));
  assert.ok(found.ok, 'reason' in found ? found.reason : '');
  return [...found.entries.keys()];
}

async function refusal(bytes: Buffer, given: Partial<MmdbTerms>): Promise<string> {
  const found = await readMmdbEntries(bytes, terms(given));
  return found.ok ? '' : found.reason;
}

describe('ranges of a database', () => {
  it('are those of the countries that are named, neighbours as one', async () => {
    assert.deepEqual(await read(places, { countries: ['DE'] }), ['45.83.64.0/23', '2001:470::/32']);
    const both = await read(places, { countries: ['DE', 'FR', 'AT'] });
    assert.deepEqual(both, ['45.83.64.0/22', '2001:470::/32']);
  });

  it('are those of all others that it knows, where that is asked', async () => {
    const others = await read(places, { countries: ['DE', 'JP'], of: 'others' });
    assert.deepEqual(others, ['45.83.66.0/23']);
  });

  it('come in pieces where they are wider than a list may hold', async () => {
    const japan = await read(places, { countries: ['JP'] });
    assert.deepEqual(japan, ['60.0.0.0/8', '61.0.0.0/8', '62.0.0.0/8', '63.0.0.0/8']);
  });

  it('are those of autonomous systems by number', async () => {
    const systems = writeMmdb([
      ['45.83.64.0/24', network(64_500)],
      ['45.83.65.0/24', { asn: 'AS64501' }],
      ['45.83.66.0/24', network(64_502)],
    ]);
    const named = await read(systems, { networks: [64_500, 64_501] });
    assert.deepEqual(named, ['45.83.64.0/23']);
  });

  it('are the same of a packed database, and of one for IPv4 alone', async () => {
    assert.deepEqual(await read(gzipSync(places), { countries: ['FR'] }), ['45.83.66.0/24']);
    const old = writeMmdb([['45.83.66.0/24', country('FR')]], { ipVersion: 4, recordSize: 24 });
    assert.deepEqual(await read(old, { countries: ['FR'] }), ['45.83.66.0/24']);
  });

  it('are none where it is too long, has too many or is none', async () => {
    assert.match(await refusal(gzipSync(Buffer.alloc(2_000_000)), {}), /longer than 1000000 bytes/);
    assert.match(await refusal(Buffer.from('1.2.3.4'), {}), /is no MMDB file/);
    assert.match(await refusal(gzipSync(places).subarray(0, 40), {}), /cannot be unpacked/);
    const few = { countries: ['DE', 'JP'], entriesMax: 3 };
    assert.match(await refusal(places, few), /more than 3 entries/);
  });

  it('hold exactly the addresses of which a look says the same', async (test) => {
    const code = fc.constantFrom('DE', 'FR', 'AT');
    const range = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 9, max: 16 }), code);
    await fc.assert(
      fc.asyncProperty(
        fc.array(range, { minLength: 1, maxLength: 12 }),
        fc.constantFrom<'listed' | 'others'>('listed', 'others'),
        async (ranges, of) => {
          const bytes = writeMmdb(
            ranges.map(([byte, prefix, name]) => {
              const mask = (0xffff << (16 - prefix)) & 0xffff;
              const place = ((45 << 8) | byte) & mask;
              return [`${place >> 8}.${place & 255}.0.0/${prefix}`, country(name)] as const;
            }),
          );
          const database = Mmdb.open(bytes);
          assert.ok(typeof database !== 'string');
          const found = await readMmdbEntries(bytes, terms({ countries: ['DE'], of }));
          assert.ok(found.ok);
          const entries = new CidrMap<true>(1_000);
          for (const cidr of found.entries.values()) entries.set(cidr, true);
          for (let byte = 0; byte < 256; byte++) {
            const address = `45.${byte}.9.9`;
            const name: string | null = database.lookup(address, 'country.iso_code');
            const isIn: boolean = of === 'listed' ? name === 'DE' : name !== null && name !== 'DE';
            assert.equal(entries.lookup(address) === true, isIn, `${address} of ${name}`);
          }
        },
      ),
      propertySettings(test, 60),
    );
  });

  it('of any damaged database are some, none or a refusal', async (test) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(places.length - 1), fc.nat(255)), { maxLength: 6 }),
        async (changes) => {
          const bytes = Buffer.from(places);
          for (const [at, byte] of changes) bytes[at] = byte;
          const found = await readMmdbEntries(bytes, terms({ countries: ['DE'] }));
          assert.equal(typeof found.ok, 'boolean');
        },
      ),
      propertySettings(test, 300),
    );
  });
});
