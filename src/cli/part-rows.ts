/** What the parts of a node say on the page of `weir status`: a line for each, absent where there is nothing to say. */
import type { PartStatus } from '#admin/part-status.ts';
import type { Cell } from '#cli/printer.ts';
import { counted } from '#cli/words.ts';

export function partRows({
  events,
}: PartStatus): readonly (readonly [string, readonly (readonly Cell[])[]])[] {
  return [['events', [[counted(events.total, 'event')]]]];
}
