/** `weir check` — everything that is wrong with a configuration, at once. */
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { problemLine } from '#cli/problem-line.ts';
import type { Config } from '#config/schema.ts';

export const check: Command = {
  words: ['check'],
  summary: 'say everything that is wrong with a configuration',
  positionals: [],
  options: [
    { name: 'config', kind: 'text', value: 'FILE', summary: 'configuration, YAML', required: true },
    jsonOption,
  ],
  examples: ['weir check --config weir.yaml'],
  async run({ io, print, given }) {
    const { loadConfig } = await import('#config/load.ts');
    const { allProblems } = await import('#config/check.ts');
    const file = given.text('config') ?? '';
    const loaded = loadConfig({ file, env: io.env });
    const problems = await allProblems(loaded);
    if (loaded.ok && problems.length === 0) {
      const summary = summarise(loaded.config);
      print.answer({ ok: true, file, sha256: loaded.sha256, ...summary, problems: [] }, () => {
        const parts = Object.entries(summary).map(
          ([what, count]) => `${count} ${count === 1 ? what.slice(0, -1) : what}`,
        );
        return `${file} is in order: ${parts.join(', ')}`;
      });
      return exitCodes.ok;
    }
    print.answer({ ok: false, file, problems }, () =>
      problems.map((problem) => problemLine(problem, file)).join('\n'),
    );
    return exitCodes.failure;
  },
};

function summarise(
  config: Config,
): Record<'listeners' | 'upstreams' | 'routes' | 'modules', number> {
  return {
    listeners: config.edge.listeners.length,
    upstreams: Object.keys(config.upstreams).length,
    routes: config.routes.length,
    modules: Object.keys(config.waf.rules).length,
  };
}
