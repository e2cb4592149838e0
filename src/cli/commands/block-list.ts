/** `weir block list` — what is blocked or watched, why, until when, and how often it was met. */
import type { Static } from 'typebox';
import { blockListAnswer, blockPageMax } from '#admin/schema.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, type CommandContext, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell } from '#cli/printer.ts';
import { counted, thousands } from '#cli/words.ts';

type BlockList = Static<typeof blockListAnswer>;

const limitDefault = 1_000;
/** Of one call of this command; `--after` has the rest. */
const limitMax = 100_000;

export const blockList: Command = {
  words: ['block', 'list'],
  summary: 'list what is blocked',
  positionals: [],
  options: [
    {
      name: 'limit',
      kind: 'text',
      value: 'N',
      summary: `how many entries, at most ${limitMax} (else ${limitDefault})`,
    },
    {
      name: 'after',
      kind: 'text',
      value: 'NEXT',
      summary: 'go on where a list before this one ended, which said so',
    },
    jsonOption,
    stateOption,
  ],
  examples: ['weir block list', "weir block list --json | jq -r '.entries[].target'"],
  async run(context) {
    const list = await readList(context, readLimit(context.given.text('limit')));
    context.print.answer(list, () => {
      const footer = `${counted(list.count, 'block')}, version ${list.version}`;
      if (list.entries.length === 0) return footer;
      const title = (text: string): Cell => ({ text, style: 'dim' });
      const hasFleet = list.entries.some(({ scope }) => scope === 'fleet');
      const rows = list.entries.map((entry) => [
        entry.target,
        ...(hasFleet ? [entry.issuer === null ? 'node' : `fleet (${entry.issuer})`] : []),
        entry.action,
        untilText(entry),
        formatTime(entry.createdAt),
        entry.packets === null ? '' : thousands(entry.packets),
        entry.connections === null ? '' : thousands(entry.connections),
        entry.lastSeen === null ? '' : formatTime(entry.lastSeen),
        entry.origin,
        entry.reason,
      ]);
      const titles = [
        ...['TARGET', ...(hasFleet ? ['SCOPE'] : []), 'ACTION', 'UNTIL', 'SINCE'],
        ...['PACKETS', 'CONNECTIONS', 'SEEN', 'ORIGIN', 'REASON'],
      ].map(title);
      const more =
        list.next === null
          ? ''
          : `\nthe first ${thousands(list.entries.length)}; more: weir block list --after ${list.next}`;
      return `${context.print.columns([titles, ...rows])}\n${footer}${more}`;
    });
    return exitCodes.ok;
  },
};

/** What a feed says holds as long as the feed says it: `weir feed show` has its end. */
function untilText({ expiresAt, origin }: BlockList['entries'][number]): string {
  if (expiresAt !== null) return formatTime(expiresAt);
  return origin.startsWith('feed:') ? 'while listed' : 'no end';
}

function readLimit(text: string | null): number {
  if (text === null) return limitDefault;
  const limit = /^[1-9]\d{0,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > limitMax)
    throw usageError(`--limit ${text} is no number from 1 to ${limitMax}`);
  return limit;
}

/** Pages of the node, one after another; what changes meanwhile may be in it or not. */
async function readList(context: CommandContext, limit: number): Promise<BlockList> {
  const entries: BlockList['entries'] = [];
  let after = context.given.text('after');
  for (;;) {
    const wanted = Math.min(blockPageMax, limit - entries.length);
    const query = new URLSearchParams({ limit: String(wanted) });
    if (after !== null) query.set('after', after);
    const page = await callDaemon(context, {
      method: 'GET',
      path: `/api/v1/blocks?${query}`,
      answer: blockListAnswer,
    });
    entries.push(...page.entries);
    after = page.next;
    if (after === null || entries.length >= limit) return { ...page, entries };
  }
}
