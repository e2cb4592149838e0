/** `weir rule clear` — no rule holds any more. */
import { ruleChangeAnswer } from '#admin/rule-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { inForce } from '#cli/rule-words.ts';

export const ruleClear: Command = {
  words: ['rule', 'clear'],
  summary: 'delete all rules',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir rule clear'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'DELETE',
      path: '/api/v1/rules',
      answer: ruleChangeAnswer,
    });
    context.print.answer(answer, () => `all rules are deleted (${inForce(answer)})`);
    return exitCodes.ok;
  },
};
