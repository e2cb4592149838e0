/** `weir reload` — the configuration read anew, all or nothing. */
import { reloadAnswer } from '#admin/schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { gatedCallTimeoutMs, gateOf, gateOptions } from '#cli/gate-options.ts';
import { printable } from '#cli/printer.ts';
import { counted, shortHash } from '#cli/words.ts';

export const reload: Command = {
  words: ['reload'],
  summary: 'read the configuration file anew, without dropping a request',
  positionals: [],
  options: [...gateOptions, jsonOption, stateOption],
  examples: [
    'weir check --config weir.yaml && weir reload',
    'weir reload --replay last --max-new-blocks 0',
  ],
  async run(context) {
    const replay = gateOf(context.given);
    const answer = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/reload',
      answer: reloadAnswer,
      ...(replay === null ? {} : { json: { replay } }),
      timeoutMs: replay === null ? slowCallTimeoutMs : gatedCallTimeoutMs,
    });
    context.print.answer(answer, () => {
      const head = `generation ${answer.generation} (${shortHash(answer.sha256)}) is live in ${counted(answer.workers, 'worker')}`;
      const changed = answer.changed.map((path) => `  ${printable(path)}`);
      return [
        changed.length === 0 ? `${head}; nothing changed` : `${head}; changed:`,
        ...changed,
      ].join('\n');
    });
    return exitCodes.ok;
  },
};
