/** `feeds`: lists of addresses that other people keep, put on the block list as they stand there. */
import Type, { type Static } from 'typebox';
import { bytes, count, oneOf, strict } from './schema-parts.ts';

const day = 86_400;

export const feed = Type.Object(
  {
    file: Type.Optional(
      Type.String({
        description: 'where the list is; this or url',
        maxLength: 4_096,
      }),
    ),
    url: Type.Optional(
      Type.String({
        pattern: '^https?://[^\\s/]+(/\\S*)?$',
        maxLength: 2_048,
        description: 'where it is fetched from; https, and http only with allowInternal',
      }),
    ),
    ca: Type.Optional(
      Type.String({ description: 'a file with a root certificate to trust for url (PEM)' }),
    ),
    allowInternal: Type.Boolean({
      default: false,
      description:
        'whether url, a redirect of it or what its name resolves to may be an address that is not public',
    }),
    format: oneOf(['netset', 'drop', 'drop-json', 'csv', 'mmdb'], {
      default: 'netset',
      description:
        'an address or range a line with # comments, Spamhaus DROP as text or as JSON, a column of a table, or a database of countries or networks (MMDB, also in gzip)',
    }),
    column: Type.Optional(
      Type.Union(
        [
          Type.Integer({ minimum: 1, maximum: 256 }),
          Type.String({ pattern: '^[^\\r\\n]{1,128}$' }),
        ],
        {
          description: 'of csv: the name of the column, or its number from 1; without it the first',
        },
      ),
    ),
    countries: Type.Array(Type.String({ pattern: '^[A-Z]{2}$' }), {
      default: [],
      maxItems: 256,
      description: 'of mmdb: the countries that are meant, two letters each',
    }),
    networks: Type.Array(Type.Integer({ minimum: 1, maximum: 4_294_967_295 }), {
      default: [],
      maxItems: 10_000,
      description: 'of mmdb: the autonomous systems that are meant, by number',
    }),
    of: oneOf(['listed', 'others'], {
      default: 'listed',
      description:
        'of mmdb: whose addresses are on the list: those of the countries and networks that are named, or those of every other that the database knows',
    }),
    onBadLine: oneOf(['refuse', 'skip'], {
      default: 'refuse',
      description:
        'a line that is no entry: the whole load is refused and what was loaded before stays, or the line is left out and counted',
    }),
    action: oneOf(['drop', 'monitor', 'challenge'], {
      default: 'drop',
      description:
        'what becomes of who is on it: kept out in the kernel and at accept, counted only, or let in and given a challenge with each request that has no pass',
    }),
    allowPrivate: Type.Boolean({
      default: false,
      description:
        'whether entries that are not public addresses are taken; those the node lives by never are',
    }),
    everySeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 7 * day,
        description:
          'how often it is looked at: else every hour for url, and every 5 seconds for file, which is read only when it has changed',
      }),
    ),
    ageSecondsMax: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 365 * day,
        description:
          'how long ago the last good answer of url or the last change of file may be before status says that it is too old; else two days for url, and no bound for file',
      }),
    ),
    ttlSeconds: Type.Integer({
      minimum: 60,
      maximum: 365 * day,
      default: 7 * day,
      description: 'how long entries stay when the list can no longer be had',
    }),
    bytesMax: bytes(67_108_864, 268_435_456, 'a longer list is refused'),
    entriesMax: count(200_000, 1_000_000, 'a list with more entries is refused'),
    sha256: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        description: 'the checksum the list must have; any other is refused',
      }),
    ),
  },
  strict,
);

export type FeedSettings = Static<typeof feed>;
