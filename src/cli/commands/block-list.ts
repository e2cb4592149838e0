/** `weir block list` — what is blocked, why, and until when. */
import { blockListAnswer } from '#admin/schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell } from '#cli/printer.ts';
import { counted } from '#cli/words.ts';

export const blockList: Command = {
  words: ['block', 'list'],
  summary: 'list what is blocked',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir block list', "weir block list --json | jq -r '.entries[].target'"],
  async run(context) {
    const list = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/blocks',
      answer: blockListAnswer,
    });
    context.print.answer(list, () => {
      const footer = `${counted(list.count, 'block')}, version ${list.version}`;
      if (list.entries.length === 0) return footer;
      const title = (text: string): Cell => ({ text, style: 'dim' });
      const rows = list.entries.map(({ target, expiresAt, createdAt, origin, reason }) => [
        target,
        expiresAt === null ? 'no end' : formatTime(expiresAt),
        formatTime(createdAt),
        origin,
        reason,
      ]);
      const titles = ['TARGET', 'UNTIL', 'SINCE', 'ORIGIN', 'REASON'].map(title);
      return `${context.print.columns([titles, ...rows])}\n${footer}`;
    });
    return exitCodes.ok;
  },
};
