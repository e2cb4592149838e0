/** Feeds as `weir feed list` and `weir status` show them. */
import type { Static } from 'typebox';
import type { feedStatus } from '#admin/feed-schema.ts';
import { formatTime } from '#cli/duration.ts';
import { type Cell, printable } from '#cli/printer.ts';
import { thousands } from '#cli/words.ts';

export type FeedStatus = Static<typeof feedStatus>;

export function feedRow(feed: FeedStatus): readonly Cell[] {
  const { name, action, entries, checkedAt, nextAt } = feed;
  return [
    name,
    action,
    entries === 1 ? '1 entry' : `${thousands(entries)} entries`,
    checkedAt === null ? 'never loaded' : `good at ${formatTime(checkedAt)}`,
    nextAt === null ? '' : `next ${formatTime(nextAt)}`,
    feedState(feed),
  ];
}

/** All there is to say of one. */
export function feedPage(feed: FeedStatus): readonly (readonly Cell[])[] {
  const { leftOut, skippedLines, firstSkipped } = feed;
  const out = Object.entries(leftOut).filter(([, count]) => count > 0);
  const time = (text: string | null, none: string): string =>
    text === null ? none : formatTime(text);
  return [
    ['source', printable(feed.source)],
    ['format', feed.format],
    ['action', feed.action],
    ['entries', thousands(feed.entries)],
    ['left out', out.map(([why, count]) => `${thousands(count)} ${why}`).join(', ') || 'none'],
    [
      'skipped lines',
      firstSkipped === null
        ? 'none'
        : `${thousands(skippedLines)}, first ${printable(firstSkipped)}`,
    ],
    ['found good', time(feed.checkedAt, 'never')],
    ['next look', time(feed.nextAt, 'now')],
    ['entries end', time(feed.endsAt, 'never')],
    ['sha256', feed.sha256 ?? 'none'],
    ['state', feedState(feed)],
  ];
}

function feedState({ problem, isTooOld }: FeedStatus): Cell {
  if (problem !== null) return { text: printable(problem), style: 'red' };
  return isTooOld ? { text: 'too old', style: 'red' } : 'ok';
}
