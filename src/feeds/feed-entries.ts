/**
 * What stands in a feed as text: one range a line, or why a line is none. The formats are in files of their own; this
 * is what they have in common, and the one place that says which there are.
 *
 * A feed is somebody else's bytes: a line is bounded before it is looked at, and nothing is guessed. A bad line is
 * said with its number, and the load that met it changes nothing, unless the configuration says that bad lines are
 * skipped.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Cidr, parseCidr } from '#core/ip.ts';
import { csvEntries } from './csv-entries.ts';
import { dropEntries } from './drop-entries.ts';
import { dropJsonEntries } from './drop-json-entries.ts';
import { netsetEntries } from './netset-entries.ts';
import type { FeedLine } from './text-lines.ts';

/** Of those that are text. */
export type FeedFormat = 'netset' | 'drop' | 'drop-json' | 'csv';

export type FeedTerms = {
  readonly format: FeedFormat;
  /** Of `csv`: the name of a column, or its number from 1. */
  readonly column: string | number;
  readonly onBadLine: 'refuse' | 'skip';
  readonly entriesMax: number;
};

export type FeedEntries =
  | {
      readonly ok: true;
      /** By canonical text. */
      readonly entries: ReadonlyMap<string, Cidr>;
      readonly skipped: number;
      /** Where the first skipped line is and why; null without any. */
      readonly firstSkipped: string | null;
    }
  | { readonly ok: false; readonly reason: string };

/** Between two looks at what else there is to do. */
const linesATurn = 5_000;
/** Of a bad line, as much as a message shows. */
const shownCharactersMax = 60;

export async function readFeedEntries(text: string, terms: FeedTerms): Promise<FeedEntries> {
  const entries = new Map<string, Cidr>();
  let skipped = 0;
  let firstSkipped: string | null = null;
  let lines = 0;
  for (const line of linesOf(text.startsWith('\ufeff') ? text.slice(1) : text, terms)) {
    if (++lines % linesATurn === 0) await nextTurn();
    const cidr = 'text' in line ? parseCidr(line.text) : null;
    if (cidr === null) {
      const reason = `line ${line.line}: ${'text' in line ? `"${shown(line.text)}" is no address and no CIDR range` : line.problem}`;
      if (terms.onBadLine === 'refuse') return { ok: false, reason };
      skipped++;
      firstSkipped ??= reason;
      continue;
    }
    entries.set(cidr.text, cidr);
    if (entries.size > terms.entriesMax)
      return {
        ok: false,
        reason: `line ${line.line}: more than ${terms.entriesMax} entries (entriesMax)`,
      };
  }
  if (entries.size === 0 && skipped > 0)
    return { ok: false, reason: `every line is bad; the first is ${firstSkipped ?? ''}` };
  return { ok: true, entries, skipped, firstSkipped };
}

function linesOf(text: string, { format, column }: FeedTerms): Iterable<FeedLine> {
  switch (format) {
    case 'netset':
      return netsetEntries(text);
    case 'drop':
      return dropEntries(text);
    case 'drop-json':
      return dropJsonEntries(text);
    case 'csv':
      return csvEntries(text, column);
  }
}

function shown(text: string): string {
  const plain = text.replace(/[^\u0020-\u007e]/g, '?');
  return plain.length <= shownCharactersMax ? plain : `${plain.slice(0, shownCharactersMax)}…`;
}
