/** `weir rule list` — the rules in their order, and what each has met. */
import { ruleListAnswer } from '#admin/rule-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell } from '#cli/printer.ts';
import { inForce } from '#cli/rule-words.ts';
import { thousands } from '#cli/words.ts';

export const ruleList: Command = {
  words: ['rule', 'list'],
  summary: 'list the rules in their order, with what they have met',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir rule list', "weir rule list --json | jq '.entries[] | [.id, .hits.packets]'"],
  async run(context) {
    const list = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/rules',
      answer: ruleListAnswer,
    });
    context.print.answer(list, () => {
      const footer = inForce(list);
      if (list.entries.length === 0) return footer;
      const rows = list.entries.map((entry) => [
        String(entry.id),
        entry.action,
        entry.source ?? 'any',
        entry.destination ?? 'any',
        entry.protocol ?? 'any',
        entry.port ?? 'any',
        entry.hits === null ? '' : thousands(entry.hits.packets),
        entry.hits === null ? '' : thousands(entry.hits.bytes),
        entry.expiresAt === null ? 'no end' : formatTime(entry.expiresAt),
        entry.reason,
      ]);
      const titles = [
        ...['ID', 'ACTION', 'SOURCE', 'DESTINATION', 'PROTO', 'PORT'],
        ...['PACKETS', 'BYTES', 'UNTIL', 'REASON'],
      ].map((text): Cell => ({ text, style: 'dim' }));
      return `${context.print.columns([titles, ...rows])}\n${footer}`;
    });
    return exitCodes.ok;
  },
};
