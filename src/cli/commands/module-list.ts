/** `weir module list` — the rule modules of a running node. */
import { moduleListAnswer } from '#admin/schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell } from '#cli/printer.ts';
import { shortHash, thousands } from '#cli/words.ts';

export const moduleList: Command = {
  words: ['module', 'list'],
  summary: 'list the rule modules of a running node',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir module list'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/modules',
      answer: moduleListAnswer,
    });
    context.print.answer(answer, () => {
      if (answer.modules.length === 0)
        return 'no modules are configured; name them under waf.rules';
      const titles = [
        'NAME',
        'SHA-256',
        'BYTES',
        'ROUTES',
        'FAILS',
        'GENERATION',
        'LOADED',
        'SOURCE',
      ];
      const rows = answer.modules.map((module) => [
        module.name,
        shortHash(module.sha256),
        thousands(module.bytes),
        thousands(module.routes),
        module.failure,
        String(module.generation),
        formatTime(module.loadedAt),
        module.watch ? `${module.source} (watched)` : module.source,
      ]);
      return context.print.columns([titles.map((text): Cell => ({ text, style: 'dim' })), ...rows]);
    });
    return exitCodes.ok;
  },
};
