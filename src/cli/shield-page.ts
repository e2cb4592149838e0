/** The page of `weir shield status`. */
import type { NodeStatus, ShieldStatus } from '#admin/control.ts';
import type { TopAnswer } from '#admin/shield-schema.ts';
import { type Cell, type Printer, printable } from '#cli/printer.ts';
import { bytes, rate } from '#cli/shield-top-view.ts';
import { shortHash, thousands, wrapped } from '#cli/words.ts';

export type ShieldAnswer = ShieldStatus & {
  /** Of the block list, enforced in the kernel or as they connect. */
  readonly blocks: number;
  readonly rates: NonNullable<TopAnswer['top']>['verdicts'] | null;
  readonly sampleOf: number | null;
  readonly degraded: NodeStatus['degraded'];
};

const labelColumns = 12;
const columnsMax = 80;

export function shieldPage(answer: ShieldAnswer, print: Printer): string {
  const { step, interfaces, refused, pid, counters, degraded } = answer;
  const label = (name: string, text: string) =>
    wrapped(printable(text), columnsMax - labelColumns, '')
      .map((line, index) => {
        const left = (index === 0 ? name : '').padEnd(labelColumns);
        return `${print.paint('dim', left)}${line}`;
      })
      .join('\n');
  const where =
    interfaces.length === 0
      ? 'blocked addresses are refused as they connect'
      : interfaces.join(', ');
  const lines = [
    label('step', `${step}: ${where}`),
    ...(answer.object === null ? [] : [label('program', shortHash(answer.object))]),
    ...refused.map((one) => label('', `no ${one.step}: ${one.reason}`)),
    ...degraded.map(({ part, reason }) => label('degraded', `${part}: ${reason}`)),
  ];
  if (counters === null) {
    lines.push(label('blocks', `${thousands(answer.blocks)}, in every worker`));
    if (pid === null && interfaces.length > 0)
      lines.push(label('process', 'it is being started again'));
    return lines.join('\n');
  }
  const { cookies, exact, prefixes, allowed, lost } = counters;
  if (cookies === null) lines.push(label('SYN cookies', "the kernel's own: nftables makes none"));
  else {
    lines.push(
      label('SYN cookies', cookies.problem === null ? cookies.mode : `off: ${cookies.problem}`),
    );
    if (cookies.terms !== null) lines.push(label('', cookieTermsText(cookies.terms)));
    for (const note of cookies.notes) lines.push(label('', note));
  }
  lines.push(
    label(
      'lists',
      `${thousands(exact)} single addresses, ${thousands(prefixes)} ranges, ${thousands(allowed)} ranges always let in`,
    ),
  );
  const { sampleOf } = answer;
  if (sampleOf !== null)
    lines.push(label('sampled', sampleOf === 1 ? 'every packet' : `1 of ${sampleOf} packets`));
  const lostText = Object.entries(lost)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${what.replaceAll('_', ' ')} ${thousands(count)}`)
    .join(', ');
  lines.push(label('no room for', lostText === '' ? 'nothing was lost' : lostText));
  return `${lines.join('\n')}\n\n${verdictTable(answer, print)}`;
}

type Cookies = NonNullable<NonNullable<ShieldStatus['counters']>['cookies']>;

function cookieTermsText(terms: NonNullable<Cookies['terms']>): string {
  const { timestamps, sack, windowScaling, windowScale, mss4, mss6 } = terms;
  const offered = [
    timestamps ? 'timestamps' : '',
    sack ? 'SACK' : '',
    windowScaling ? `window scale ${windowScale}` : '',
    `MSS ${mss4} (IPv4), ${mss6} (IPv6)`,
  ];
  return `offering ${offered.filter((text) => text !== '').join(', ')}`;
}

/** What was dropped first, then the rest; each by its rate, where there is one. */
function verdictTable({ counters, rates }: ShieldAnswer, print: Printer): string {
  const rows = (counters?.verdicts ?? []).map((one) => {
    const now = rates?.find(
      ({ verdict, protocol }) => verdict === one.verdict && protocol === one.protocol,
    );
    return {
      ...one,
      packetsPerSecond: now?.packetsPerSecond ?? 0,
      bytesPerSecond: now?.bytesPerSecond ?? 0,
    };
  });
  const isDrop = (verdict: string) => Number(verdict.startsWith('drop_'));
  rows.sort((a, b) => isDrop(b.verdict) - isDrop(a.verdict) || b.packets - a.packets);
  if (rows.length === 0) return 'no packets yet';
  const title = (text: string): Cell => ({ text, style: 'dim' });
  return print.columns([
    ['VERDICT', 'PROTO', 'PACKETS', 'BYTES', 'PACKETS/S', 'BYTES/S'].map(title),
    ...rows.map((one) => [
      one.verdict,
      one.protocol,
      thousands(one.packets),
      bytes(one.bytes),
      rate(one.packetsPerSecond),
      bytes(one.bytesPerSecond),
    ]),
  ]);
}
