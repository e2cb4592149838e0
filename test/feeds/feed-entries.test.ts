/** What stands in a feed, format by format; and that nothing makes a reader of them fail or hang. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCidr } from '#core/ip.ts';
import { csvRecords } from '#feeds/csv-entries.ts';
import { type FeedFormat, type FeedTerms, readFeedEntries } from '#feeds/feed-entries.ts';
import { propertySettings } from '../support/property.ts';

type Case = {
  readonly why: string;
  readonly format: FeedFormat;
  readonly text: string;
  readonly column?: string | number;
  readonly skip?: true;
  readonly max?: number;
  readonly entries?: readonly string[];
  readonly skipped?: number;
  readonly problem?: string;
};

const cases = JSON.parse(
  readFileSync(new URL('../corpus/feeds/formats.json', import.meta.url), 'utf8'),
) as readonly Case[];

const termsOf = ({
  format,
  column = 1,
  skip,
  max = 1_000,
}: Omit<Case, 'why' | 'text'>): FeedTerms => ({
  format,
  column,
  onBadLine: skip === true ? 'skip' : 'refuse',
  entriesMax: max,
});

describe('entries of a feed', () => {
  for (const one of cases)
    it(`${one.format}: ${one.why}`, async () => {
      const read = await readFeedEntries(one.text, termsOf(one));
      if (one.problem !== undefined) assert.deepEqual(read, { ok: false, reason: one.problem });
      else {
        assert.ok(read.ok);
        assert.deepEqual([...read.entries.keys()], one.entries);
        assert.equal(read.skipped, one.skipped ?? 0);
      }
    });

  it('of any text are canonical ranges, or there are none and a line is named', async (test) => {
    const piece = fc.oneof(
      fc.constantFrom(
        '1.2.3.4',
        '5.6.0.0/16',
        '2a0b::/32',
        '"',
        ',',
        '\n',
        '\r\n',
        '#',
        ';',
        ' ; SBL1',
      ),
      fc.constantFrom('{"cidr":"1.2.3.0/24"}', '{"type":"metadata"}', '{', 'ip'),
      fc.string({ maxLength: 8 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 40 }),
        fc.constantFrom<FeedFormat>('netset', 'drop', 'drop-json', 'csv'),
        fc.constantFrom<string | number>(1, 2, 'ip'),
        fc.boolean(),
        async (pieces, format, column, skips) => {
          const terms = termsOf({ format, column, ...(skips ? { skip: true } : {}) });
          const read = await readFeedEntries(pieces.join(''), terms);
          if (read.ok) for (const [text] of read.entries) assert.equal(parseCidr(text)?.text, text);
          else assert.match(read.reason, /line \d+: /);
        },
      ),
      propertySettings(test, 300),
    );
  });

  it('of a table written by RFC 4180 come out as they went in', (test) => {
    const field = fc.string({ maxLength: 12 }).filter((text) => !text.includes('\r'));
    fc.assert(
      fc.property(
        fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 8 }),
        (rows) => {
          const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
          const text = rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join('');
          const read = [...csvRecords(text)].map((one) => ('fields' in one ? one.fields : one));
          assert.deepEqual(read, rows);
        },
      ),
      propertySettings(test, 200),
    );
  });
});
