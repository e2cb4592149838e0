/** What the parts of a node say on the page of `weir status`: a line for each, absent where there is nothing to say. */
import type { PartStatus } from '#admin/part-status.ts';
import { feedRow } from '#cli/feed-rows.ts';
import type { Cell } from '#cli/printer.ts';
import { counted, thousands } from '#cli/words.ts';

export function partRows({
  events,
  feeds,
}: PartStatus): readonly (readonly [string, readonly (readonly Cell[])[]])[] {
  const lost = events.lost === 0 ? '' : `, ${thousands(events.lost)} lost`;
  return [
    [
      'events',
      [
        [`${counted(events.total, 'event')}${lost}`],
        ...events.sinks.map(({ name, sent, problem }): Cell[] => [
          problem === null ? `${thousands(sent)} to ${name}` : `to ${name}: ${problem}`,
        ]),
      ],
    ],
    ...(feeds.length === 0 ? [] : [['feeds', feeds.map(feedRow)] as const]),
  ];
}
