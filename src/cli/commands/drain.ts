/** `weir drain` — no new connections, what is in flight is finished, then the node ends. */
import { drainAnswer } from '#admin/schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { drainText } from '#cli/words.ts';

export const drain: Command = {
  words: ['drain'],
  summary: 'end a node after what is in flight is finished',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir drain'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/drain',
      answer: drainAnswer,
    });
    context.print.answer(answer, () => drainText(answer));
    return exitCodes.ok;
  },
};
