/** `weir rule delete` — one rule holds no longer; those behind it move up. */
import { ruleAnswer } from '#admin/rule-schema.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { printable } from '#cli/printer.ts';
import { inForce } from '#cli/rule-words.ts';

export const ruleDelete: Command = {
  words: ['rule', 'delete'],
  summary: 'delete a rule by its id',
  positionals: ['ID'],
  options: [jsonOption, stateOption],
  examples: ['weir rule delete 3'],
  async run(context) {
    const id = context.given.positional(0);
    if (!/^[1-9]\d{0,14}$/.test(id))
      throw usageError(`"${id}" is no id of a rule`, 'weir rule list shows them');
    const answer = await callDaemon(context, {
      method: 'DELETE',
      path: `/api/v1/rules/${id}`,
      answer: ruleAnswer,
    });
    context.print.answer(
      answer,
      () => `rule ${answer.id} is deleted: ${printable(answer.rule)} (${inForce(answer)})`,
    );
    return exitCodes.ok;
  },
};
