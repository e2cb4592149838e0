/** `weir stop` — as drain, but what is still in flight after a while is cut. */
import { drainAnswer, graceMsMax } from '#admin/schema.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { parseDuration } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { drainText } from '#cli/words.ts';

export const stop: Command = {
  words: ['stop'],
  summary: 'end a node soon, cutting what takes too long',
  positionals: [],
  options: [
    {
      name: 'grace',
      kind: 'text',
      value: 'TIME',
      summary: 'how long requests in flight may take (10s)',
    },
    jsonOption,
    stateOption,
  ],
  examples: ['weir stop', 'weir stop --grace 2s'],
  async run(context) {
    const grace = context.given.text('grace');
    const parsed = grace === null ? null : parseDuration(grace, graceMsMax / 1_000);
    if (parsed?.ok === false) throw usageError(parsed.problem);
    const answer = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/stop',
      answer: drainAnswer,
      json: parsed === null ? {} : { graceMs: parsed.seconds * 1_000 },
    });
    context.print.answer(answer, () => drainText(answer));
    return exitCodes.ok;
  },
};
