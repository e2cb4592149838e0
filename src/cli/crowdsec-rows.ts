/** CrowdSec on the page of `weir status`. */
import type { PartStatus } from '#admin/part-status.ts';
import { formatTime } from '#cli/duration.ts';
import { type Cell, printable } from '#cli/printer.ts';
import { counted } from '#cli/words.ts';

export function crowdsecRows({
  lapi,
  serve,
}: PartStatus['crowdsec']): readonly (readonly Cell[])[] {
  return [
    ...(lapi === null ? [] : [lapiRow(lapi)]),
    ...(serve === null ? [] : [[`answers ${serve.address}`, bouncerWords(serve.bouncers)]]),
  ];
}

function lapiRow(lapi: NonNullable<PartStatus['crowdsec']['lapi']>): readonly Cell[] {
  const { url, entries, askedAt, problem } = lapi;
  return [
    `follows ${printable(url)}`,
    counted(entries, 'decision'),
    problem === null
      ? askedAt === null
        ? 'not asked yet'
        : `asked at ${formatTime(askedAt)}`
      : { text: printable(problem), style: 'red' },
  ];
}

const bouncerWords = (
  bouncers: readonly { readonly name: string; readonly askedAt: string | null }[],
): string =>
  bouncers
    .map(({ name, askedAt }) => `${name} ${askedAt === null ? 'never' : formatTime(askedAt)}`)
    .join(', ');
