/** `weir module rollback` — an earlier version of a rule module is live again. */
import { moduleLoadAnswer } from '#admin/module-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { moduleLiveText } from '#cli/module-words.ts';
import { parseVersion, versionValue } from '#cli/version-number.ts';

export const moduleRollback: Command = {
  words: ['module', 'rollback'],
  summary: 'go back to the version before, or to one of the history',
  positionals: ['NAME'],
  options: [
    {
      name: 'to',
      kind: 'text',
      value: versionValue,
      summary: 'a number "weir module history" shows; else the one before the live one',
    },
    jsonOption,
    stateOption,
  ],
  examples: ['weir module rollback core', 'weir module rollback core --to 3'],
  async run(context) {
    const name = context.given.positional(0);
    const to = context.given.text('to');
    const answer = await callDaemon(context, {
      method: 'POST',
      path: `/api/v1/modules/${encodeURIComponent(name)}/rollback`,
      answer: moduleLoadAnswer,
      json: to === null ? {} : { to: parseVersion(to, '--to') },
      timeoutMs: slowCallTimeoutMs,
    });
    context.print.answer(answer, () => moduleLiveText(answer));
    return exitCodes.ok;
  },
};
