/**
 * The page of `weir shield top`: who sends most and what becomes of packets, a second. Fits the columns and
 * rows it is given, 80 by 24 where nobody says.
 */
import type { TopAnswer } from '#admin/shield-schema.ts';
import { type Printer, printable } from '#cli/printer.ts';
import { type TalkerOrder, talkerOrders } from '#synproxy/top-talkers.ts';

export type TopViewTerms = {
  readonly by: TalkerOrder;
  readonly columns: number;
  /** Null: as many lines as there are. */
  readonly rows: number | null;
  /** Keys, where there are any. */
  readonly footer: string | null;
};

const sourceColumns = 26;
const verdictColumns = 22;
const numberColumns = 11;
/** Lines beside talkers and verdicts: head, two titles, two blanks, lost, footer. */
const fixedRows = 7;
const verdictRowsMax = 8;

export function topView(
  { step, interfaces, top }: TopAnswer,
  terms: TopViewTerms,
  print: Printer,
): string {
  const where = interfaces.length === 0 ? step : `${step} on ${interfaces.join(', ')}`;
  if (top === null)
    return [
      `weir shield  ${printable(where)}`,
      'no packets are seen: no packet program is loaded, or its process is being started again',
      'weir shield status says why, weir shield check what is missing',
    ].join('\n');
  const line = (text: string) => text.slice(0, terms.columns).trimEnd();
  const sampled = top.sampleOf === 1 ? 'every packet seen' : `1 of ${top.sampleOf} packets seen`;
  const { total } = top;
  const head = `weir shield  ${printable(where)}  ${rate(total.packets)} packets/s  ${bytes(total.bytes)}/s  ${sampled}`;
  const talkerRoom =
    terms.rows === null ? top.talkers.length : talkerRows(terms.rows, top.verdicts.length);
  const titles = talkerOrders.map((name) =>
    `${name === terms.by ? '>' : ''}${name.toUpperCase()}/S`.padStart(numberColumns),
  );
  const talkers = top.talkers
    .slice(0, talkerRoom)
    .map((one) =>
      line(
        printable(one.source).padEnd(sourceColumns) +
          [rate(one.packets), bytes(one.bytes), rate(one.syns), rate(one.dropped)]
            .map((cell) => cell.padStart(numberColumns))
            .join(''),
      ),
    );
  const verdicts = [...top.verdicts]
    .sort((a, b) => b.packetsPerSecond - a.packetsPerSecond || b.packets - a.packets)
    .slice(0, terms.rows === null ? undefined : verdictRowsMax)
    .map((one) => {
      const text = line(
        `${one.verdict.padEnd(verdictColumns)}${one.protocol.padEnd(6)}` +
          [
            rate(one.packetsPerSecond),
            bytes(one.bytesPerSecond),
            one.packets.toLocaleString('en-US'),
          ]
            .map((cell, index) => cell.padStart(index === 2 ? 18 : numberColumns))
            .join(''),
      );
      return one.verdict.startsWith('drop_') && one.packetsPerSecond > 0
        ? print.paint('red', text)
        : text;
    });
  const lost = Object.entries(top.lost).filter(([, count]) => count > 0);
  return [
    print.paint('bold', line(head)),
    '',
    print.paint(
      'dim',
      line(
        `${'SOURCE'.padEnd(sourceColumns)}${titles.join('')}${'DROPPED/S'.padStart(numberColumns)}`,
      ),
    ),
    ...(talkers.length === 0 ? ['nobody'] : talkers),
    '',
    print.paint(
      'dim',
      line(
        `${'VERDICT'.padEnd(verdictColumns)}${'PROTO'.padEnd(6)}${'PACKETS/S'.padStart(numberColumns)}${'BYTES/S'.padStart(numberColumns)}${'PACKETS IN ALL'.padStart(18)}`,
      ),
    ),
    ...(verdicts.length === 0 ? ['none yet'] : verdicts),
    ...(lost.length === 0
      ? []
      : [line(`no room for: ${lost.map(([what, count]) => `${what} ${count}`).join(', ')}`)]),
    ...(terms.footer === null ? [] : [print.paint('dim', line(terms.footer))]),
  ].join('\n');
}

/** How many talkers fit beside the verdicts. */
export function talkerRows(rows: number, verdicts: number): number {
  return Math.max(1, rows - fixedRows - Math.max(1, Math.min(verdicts, verdictRowsMax)));
}

/** Three digits or four, and a unit: `0`, `0.3`, `812`, `14.2k`, `1.3M`. */
export function rate(perSecond: number): string {
  if (perSecond < 0.05) return '0';
  if (perSecond < 9.95) return perSecond.toFixed(1);
  if (perSecond < 9_999.5) return Math.round(perSecond).toLocaleString('en-US');
  for (const [unit, size] of [
    ['k', 1e3],
    ['M', 1e6],
  ] as const)
    if (perSecond < size * 999.95) return `${(perSecond / size).toFixed(1)}${unit}`;
  return `${(perSecond / 1e9).toFixed(1)}G`;
}

export function bytes(perSecond: number): string {
  return perSecond < 999.5 ? `${Math.round(perSecond)} B` : `${rateOfBytes(perSecond)}B`;
}

function rateOfBytes(perSecond: number): string {
  for (const [unit, size] of [
    ['k', 1e3],
    ['M', 1e6],
    ['G', 1e9],
  ] as const)
    if (perSecond < size * 999.95) return `${(perSecond / size).toFixed(1)} ${unit}`;
  return `${(perSecond / 1e12).toFixed(1)} T`;
}
