/** What the parts of a node say on the page of `weir status`: a line for each, absent where there is nothing to say. */
import type { PartStatus } from '#admin/part-status.ts';
import { crowdsecRows } from '#cli/crowdsec-rows.ts';
import { formatTime } from '#cli/duration.ts';
import { feedRow } from '#cli/feed-rows.ts';
import { type Cell, printable } from '#cli/printer.ts';
import { replayRows } from '#cli/replay-rows.ts';
import { counted, thousands } from '#cli/words.ts';

export function partRows({
  events,
  feeds,
  crowdsec,
  behaviour: { rates, behaviour },
  replay,
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
    ...(crowdsec.lapi === null && crowdsec.serve === null
      ? []
      : [['crowdsec', crowdsecRows(crowdsec)] as const]),
    ...(rates.count === 0 ? [] : [['rates', [[ratesText(rates)]]] as const]),
    ...(behaviour === null ? [] : [['behaviour', behaviourRows(behaviour)] as const]),
    ...replayRows(replay),
  ];
}

const ratesText = (rates: PartStatus['behaviour']['rates']): string =>
  [
    counted(rates.count, 'rate'),
    `${thousands(rates.buckets)} buckets in use`,
    `${thousands(rates.limited)} limited`,
    `${thousands(rates.challenged)} challenged`,
    `${thousands(rates.monitored)} would be limited (monitor)`,
  ].join(', ');

function behaviourRows(
  one: NonNullable<PartStatus['behaviour']['behaviour']>,
): readonly (readonly Cell[])[] {
  const seen = `${thousands(one.addresses)} addresses counted in ${thousands(Math.ceil(one.tableBytes / 1_048_576))} MiB`;
  const routes = `${counted(one.routesLearned, 'route')} learned, ${thousands(one.routesLearning)} learning`;
  return [
    [`${one.mode}: ${counted(one.blocked, 'block')} made, ${seen}, ${routes}`],
    ...one.surges.map(({ route, until }): readonly Cell[] => [
      { text: `${printable(route)} is challenged until ${formatTime(until)}`, style: 'yellow' },
    ]),
  ];
}
