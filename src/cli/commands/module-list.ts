/** `weir module list` — the rule modules of a running node. */
import { moduleListAnswer } from '#admin/module-schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { type Cell, printable } from '#cli/printer.ts';
import { shortHash, thousands } from '#cli/words.ts';

const titles = [
  'NAME',
  'VERSION',
  'STATE',
  'SHA-256',
  'BYTES',
  'ORIGIN',
  'SIGNED BY',
  'ROUTES',
  'FAILS',
  'FAILURES',
  'MEMORY',
  'READY IN',
  'LOADED',
  'SOURCE',
];

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
      const rows = answer.modules.map((module): readonly Cell[] => [
        module.name,
        String(module.version),
        { text: module.state, style: module.state === 'live' ? 'green' : 'red' },
        shortHash(module.sha256),
        thousands(module.bytes),
        module.origin,
        module.signedBy ?? '-',
        thousands(module.routes),
        module.failure,
        thousands(module.failures),
        module.memoryBytes === null ? '-' : thousands(module.memoryBytes),
        module.readyMs === null ? '-' : `${module.readyMs.toFixed(1)} ms`,
        formatTime(module.loadedAt),
        module.watch ? `${module.source} (watched)` : module.source,
      ]);
      const table = context.print.columns([
        titles.map((text): Cell => ({ text, style: 'dim' })),
        ...rows,
      ]);
      const further = answer.modules.flatMap(({ name, isAsConfigured, lastError }) => [
        ...(isAsConfigured
          ? []
          : [`${name}: not what its source holds; that comes back when the source changes`]),
        ...(lastError === null ? [] : [`${name}: last error: ${printable(lastError)}`]),
      ]);
      return [table, ...further].join('\n');
    });
    return exitCodes.ok;
  },
};
