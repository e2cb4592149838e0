/** `weir exclude list` — what was taken out, by whom, why and until when. */
import { exclusionListAnswer } from '#admin/exclusion-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exclusionWords } from '#cli/exclusion-page.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell } from '#cli/printer.ts';

export const excludeList: Command = {
  words: ['exclude', 'list'],
  summary: 'list the exclusions made from events',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir exclude list'],
  async run(context) {
    const { print } = context;
    const { exclusions } = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/exclusions',
      answer: exclusionListAnswer,
    });
    print.answer(exclusions, () => {
      if (exclusions.length === 0) return 'no exclusions were made from events';
      const titles = ['ID', 'WHAT', 'UNTIL', 'OWNER', 'EVENT', 'REASON'];
      return print.columns([
        titles.map((text): Cell => ({ text, style: 'dim' })),
        ...exclusions.map((one) => [
          one.id,
          `${exclusionWords(one)}${one.isLive ? '' : ' (the configuration has no such rules)'}`,
          one.expiresAt === null ? 'no end' : formatTime(one.expiresAt),
          one.owner,
          one.event,
          one.reason,
        ]),
      ]);
    });
    return exitCodes.ok;
  },
};
