/** What `weir fleet demo` shows: the members as they stand, and each block that went round, newest first. */
import type { Printer } from '#cli/printer.ts';
import type { Round } from './fleet-demo-round.ts';

export type MemberView = {
  readonly id: string;
  /** Where clients reach it, or its API. */
  readonly address: string;
  readonly state: string;
  readonly isWell: boolean;
  /** Null where it does not answer. */
  readonly blocks: number | null;
  readonly requests: number | null;
};

export type DemoView = {
  readonly server: string;
  readonly members: readonly MemberView[];
  /** Newest first. */
  readonly rounds: readonly Round[];
  readonly nodes: readonly string[];
  /** What goes on now, or what went wrong. */
  readonly words: string;
};

/** Lines beside the rounds: head, words, titles, members, blanks, footer. */
const fixedRows = 8;
const cell = (value: number | null): string => (value === null ? '-' : String(value));

export function demoPage(view: DemoView, rows: number, print: Printer): string {
  const dim = (text: string) => ({ text, style: 'dim' as const });
  const room = Math.max(1, rows - fixedRows - view.members.length);
  const members = view.members.map(({ id, address, state, isWell, blocks, requests }) => [
    id,
    { text: state, style: isWell ? 'green' : 'yellow' } as const,
    address,
    cell(blocks),
    cell(requests),
  ]);
  const rounds = view.rounds
    .slice(0, room)
    .map((round) => [
      String(round.number),
      round.target,
      round.issuer,
      ...view.nodes.map((id) => ms(round.refusedAfterMs.get(id) ?? null)),
      { text: ms(slowest(round)), style: 'bold' as const },
    ]);
  return [
    print.paint('bold', `weir fleet demo  ${view.server}`),
    '',
    print.columns([['MEMBER', 'STATE', 'ADDRESS', 'BLOCKS', 'REQUESTS'].map(dim), ...members]),
    '',
    print.columns([
      ['ROUND', 'BLOCKED', 'ASKED AT', ...view.nodes.map((id) => id.toUpperCase()), 'ALL'].map(dim),
      ...rounds,
    ]),
    '',
    view.words,
    print.paint('dim', 'b block now  q quit'),
  ].join('\n');
}

/** A round as a line, where there is no terminal. */
export function roundLine({ target, issuer, refusedAfterMs }: Round): string {
  const parts = [...refusedAfterMs].map(
    ([id, after]) => `${id} ${after === null ? 'not' : `after ${ms(after)}`}`,
  );
  return `${target} blocked at ${issuer}: refused by ${parts.join(', ')}`;
}

function slowest({ refusedAfterMs }: Round): number | null {
  const times = [...refusedAfterMs.values()];
  return times.includes(null) ? null : Math.max(...times.map(Number));
}

const ms = (value: number | null): string => (value === null ? '-' : `${Math.round(value)} ms`);
