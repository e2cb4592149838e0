/** `weir module remove` — a version that is not live is forgotten, with its bytes. */
import { moduleRemoveAnswer } from '#admin/module-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { printable } from '#cli/printer.ts';
import { parseVersion, versionValue } from '#cli/version-number.ts';
import { shortHash } from '#cli/words.ts';

export const moduleRemove: Command = {
  words: ['module', 'remove'],
  summary: 'forget a version that is not live',
  positionals: ['NAME'],
  options: [
    {
      name: 'version',
      kind: 'text',
      value: versionValue,
      summary: 'a number "weir module history" shows',
      required: true,
    },
    jsonOption,
    stateOption,
  ],
  examples: ['weir module remove core --version 2'],
  async run(context) {
    const name = context.given.positional(0);
    const version = parseVersion(context.given.text('version') ?? '', '--version');
    const answer = await callDaemon(context, {
      method: 'DELETE',
      path: `/api/v1/modules/${encodeURIComponent(name)}/versions/${version}`,
      answer: moduleRemoveAnswer,
    });
    context.print.answer(
      answer,
      () =>
        `version ${answer.version} of ${printable(answer.name)} (${shortHash(answer.sha256)}, ${answer.state}) is removed`,
    );
    return exitCodes.ok;
  },
};
