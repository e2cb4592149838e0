/** What is recorded, and what runs beside the live rules, on the page of `weir status`. */
import type { PartStatus } from '#admin/part-status.ts';
import type { Cell } from '#cli/printer.ts';
import { counted, thousands } from '#cli/words.ts';

export function replayRows({
  recording,
  shadows,
}: PartStatus['replay']): readonly (readonly [string, readonly (readonly Cell[])[]])[] {
  const rows: (readonly [string, readonly (readonly Cell[])[]])[] = [];
  if (recording !== null) {
    const { id, requests, dropped } = recording;
    const lost = dropped === 0 ? [] : [`${thousands(dropped)} found no room`];
    rows.push(['recording', [[id, counted(requests, 'request'), ...lost]]]);
  }
  if (shadows.length > 0)
    rows.push([
      'shadow',
      shadows.map(({ name, off, requests, newlyBlocked, newlyPassed }) =>
        off === null
          ? [
              name,
              counted(requests, 'request'),
              `${thousands(newlyBlocked)} newly blocked`,
              `${thousands(newlyPassed)} newly passed`,
            ]
          : [name, { text: `off: ${off}`, style: 'red' }],
      ),
    ]);
  return rows;
}
