/**
 * Countries and networks of a database (MMDB) as ranges: those of the ones that are named, or of all others that the
 * database knows. Neighbours become one range, up to the widest that a list may hold; what is wider comes in pieces.
 *
 * A database in gzip is unpacked, as some are published so.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Cidr, parseCidr } from '#core/ip.ts';
import { Mmdb, type MmdbNetwork } from '#core/mmdb.ts';
import type { FeedEntries } from './feed-entries.ts';
import { widestListed } from './list-guard.ts';

export type MmdbTerms = {
  /** Of ISO 3166-1, two letters. */
  readonly countries: readonly string[];
  /** Numbers of autonomous systems. */
  readonly networks: readonly number[];
  readonly of: 'listed' | 'others';
  readonly entriesMax: number;
  readonly bytesMax: number;
};

/** As the makers of databases call them. */
const countryPaths = ['country.iso_code', 'country_code', 'country'] as const;
const networkPaths = ['autonomous_system_number', 'asn'] as const;
/** Between two looks at what else there is to do. */
const networksATurn = 20_000;

type Range = { readonly family: 4 | 6; readonly value: bigint; readonly prefix: number };

export async function readMmdbEntries(bytes: Buffer, terms: MmdbTerms): Promise<FeedEntries> {
  const unpacked = await unpack(bytes, terms.bytesMax);
  const database = typeof unpacked === 'string' ? unpacked : Mmdb.open(unpacked);
  if (typeof database === 'string') return { ok: false, reason: `it ${database}` };
  const isWanted = wantedBy(database, terms);
  const ranges: Range[] = [];
  const walk = database.networks();
  let seen = 0;
  for (let step = walk.next(); ; step = walk.next()) {
    if (step.done === true) {
      if (step.value === 'damaged') return { ok: false, reason: 'it is damaged' };
      break;
    }
    if (++seen % networksATurn === 0) await nextTurn();
    if (isWanted(step.value)) for (const range of piecesOf(step.value)) add(ranges, range);
    if (ranges.length > terms.entriesMax)
      return { ok: false, reason: `more than ${terms.entriesMax} entries (entriesMax)` };
  }
  const entries = new Map<string, Cidr>();
  for (const [index, range] of ranges.entries()) {
    if (index % networksATurn === 0) await nextTurn();
    const cidr = parseCidr(textOf(range));
    if (cidr !== null) entries.set(cidr.text, cidr);
  }
  return { ok: true, entries, skipped: 0, firstSkipped: null };
}

async function unpack(bytes: Buffer, bytesMax: number): Promise<Buffer | string> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: bytesMax });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      ? `is longer than ${bytesMax} bytes unpacked (bytesMax)`
      : 'cannot be unpacked';
  }
}

/** Asked once for each thing that networks belong to. */
function wantedBy(database: Mmdb, terms: MmdbTerms): (network: MmdbNetwork) => boolean {
  const countries = new Set(terms.countries);
  const networks = new Set(terms.networks.map(String));
  const known = new Map<number, boolean>();
  const decide = (network: MmdbNetwork): boolean => {
    const country = firstOf(database, network, countryPaths)?.toUpperCase();
    const number = firstOf(database, network, networkPaths)?.replace(/^AS/i, '');
    const isListed =
      (country !== undefined && countries.has(country)) ||
      (number !== undefined && networks.has(number));
    if (terms.of === 'listed') return isListed;
    // Of what is not said nothing is known, and it is not another country.
    const isKnown =
      (countries.size === 0 || country !== undefined) &&
      (networks.size === 0 || number !== undefined);
    return isKnown && !isListed;
  };
  return (network) => {
    let wanted = known.get(network.record);
    if (wanted === undefined) known.set(network.record, (wanted = decide(network)));
    return wanted;
  };
}

function firstOf(
  database: Mmdb,
  network: MmdbNetwork,
  paths: readonly string[],
): string | undefined {
  for (const path of paths) {
    const text = database.textOf(network, path);
    if (text !== null) return text;
  }
  return undefined;
}

function* piecesOf({ family, value, prefix }: Range): Generator<Range> {
  const least = widestListed[family];
  if (prefix >= least) yield { family, value, prefix };
  else
    for (let index = 0; index < 2 ** (least - prefix); index++)
      yield { family, value: value + BigInt(index) * sizeOf(family, least), prefix: least };
}

/** They come in order, so a range is the neighbour of the last one or of none. */
function add(ranges: Range[], range: Range): void {
  let last = range;
  for (;;) {
    const before = ranges.at(-1);
    const size = sizeOf(last.family, last.prefix);
    if (
      before === undefined ||
      before.family !== last.family ||
      before.prefix !== last.prefix ||
      last.prefix <= widestListed[last.family] ||
      before.value + size !== last.value ||
      before.value % (2n * size) !== 0n
    )
      break;
    ranges.pop();
    last = { family: last.family, value: before.value, prefix: last.prefix - 1 };
  }
  ranges.push(last);
}

const sizeOf = (family: 4 | 6, prefix: number): bigint =>
  1n << BigInt((family === 4 ? 32 : 128) - prefix);

function textOf({ family, value, prefix }: Range): string {
  if (family === 4) {
    const number = Number(value);
    const bytes = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255);
    return `${bytes.join('.')}/${prefix}`;
  }
  const groups = value.toString(16).padStart(32, '0').match(/.{4}/g) ?? [];
  return `${groups.join(':')}/${prefix}`;
}
