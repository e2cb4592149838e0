/** `weir status` — one page about a running node. */
import { statusAnswer } from '#admin/schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { statusPage } from '#cli/status-page.ts';

export const status: Command = {
  words: ['status'],
  summary: 'show how a running node is doing',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir status', 'weir status --json'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/status',
      answer: statusAnswer,
    });
    context.print.answer(answer, () => statusPage(answer, context.print));
    return exitCodes.ok;
  },
};
