/** `weir config show` — the values in force and where each came from. */
import { failureError, usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { problemLine } from '#cli/problem-line.ts';

export const configShow: Command = {
  words: ['config', 'show'],
  summary: 'print the values a configuration comes to, and where each is from',
  positionals: [],
  options: [
    {
      name: 'config',
      kind: 'text',
      value: 'FILE',
      summary: 'configuration, YAML; else the one of the demo',
    },
    jsonOption,
  ],
  examples: [
    'weir config show --config weir.yaml',
    'WEIR_EDGE_WORKERS=2 weir config show --config weir.yaml',
  ],
  async run({ io, roles, print, given }) {
    const file = given.text('config');
    const defaults = roles.embeddedConfig;
    if (file === null && defaults === undefined) throw usageError('--config FILE is missing');
    const { loadConfig } = await import('#config/load.ts');
    const { annotate } = await import('#cli/annotate-config.ts');
    const loaded = loadConfig({
      file,
      env: io.env,
      ...(defaults === undefined ? {} : { defaults }),
    });
    if (!loaded.ok) {
      throw failureError(
        `${file ?? 'the configuration of the demo'} cannot be shown`,
        loaded.problems.map((problem) => problemLine(problem, file)),
      );
    }
    print.answer({ values: loaded.config, origins: Object.fromEntries(loaded.origins) }, () =>
      annotate(loaded.config, loaded.origins),
    );
    return exitCodes.ok;
  },
};
