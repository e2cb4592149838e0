/** `weir exclude remove` — rules look again at what they were told to leave out. */
import { exclusionRemoved } from '#admin/exclusion-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { counted } from '#cli/words.ts';

const removeTimeoutMs = 600_000;

export const excludeRemove: Command = {
  words: ['exclude', 'remove'],
  summary: 'take an exclusion back by its id',
  positionals: ['ID'],
  options: [jsonOption, stateOption],
  examples: ['weir exclude remove x3'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'DELETE',
      path: `/api/v1/exclusions/${encodeURIComponent(context.given.positional(0))}`,
      answer: exclusionRemoved,
      timeoutMs: removeTimeoutMs,
    });
    context.print.answer(
      answer,
      () => `exclusion ${answer.id} is removed, in ${counted(answer.workers, 'worker')}`,
    );
    return exitCodes.ok;
  },
};
