/** What the parts of a node say on the page of `weir status`: a line for each, absent where there is nothing to say. */
import type { PartStatus } from '#admin/part-status.ts';
import { feedRow } from '#cli/feed-rows.ts';
import type { Cell } from '#cli/printer.ts';
import { counted } from '#cli/words.ts';

export function partRows({
  events,
  feeds,
}: PartStatus): readonly (readonly [string, readonly (readonly Cell[])[]])[] {
  return [
    ['events', [[counted(events.total, 'event')]]],
    ...(feeds.length === 0 ? [] : [['feeds', feeds.map(feedRow)] as const]),
  ];
}
