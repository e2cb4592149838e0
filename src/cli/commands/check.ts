/** `weir check` — everything that is wrong with a configuration, at once. */
import { type CliIo, type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Printer } from '#cli/printer.ts';
import { problemLine } from '#cli/problem-line.ts';
import { counted } from '#cli/words.ts';
import type { LoadedConfig } from '#config/load.ts';
import type { ConfigProblem } from '#config/problem.ts';
import type { Config } from '#config/schema.ts';

export const check: Command = {
  words: ['check'],
  summary: 'say everything that is wrong with a configuration',
  positionals: [],
  options: [
    { name: 'config', kind: 'text', value: 'FILE', summary: 'configuration, YAML', required: true },
    { name: 'orchestrator', kind: 'flag', summary: 'it is that of an orchestrator' },
    jsonOption,
  ],
  examples: [
    'weir check --config weir.yaml',
    'weir check --orchestrator --config orchestrator.yaml',
  ],
  async run({ io, print, given }) {
    const { loadConfig } = await import('#config/load.ts');
    const { allProblems } = await import('#config/check.ts');
    const file = given.text('config') ?? '';
    if (given.flag('orchestrator')) return checkOrchestratorFile(file, io, print);
    const loaded = loadConfig({ file, env: io.env });
    const found = await allProblems(loaded);
    const problems = loaded.ok && found.length === 0 ? await problemsInRules(loaded, io) : found;
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

/** Rules in SecLang are read as a node reads them; those that can be are asked for what modes name. */
async function problemsInRules(loaded: LoadedConfig, io: CliIo): Promise<ConfigProblem[]> {
  const { configuredRuleProblems } = await import('#toolchain/configured-rules-check.ts');
  const problems = configuredRuleProblems(loaded.config, io.cwd);
  if (problems.length === 0) return modeProblems(loaded);
  return problems.map((problem) => {
    const { line = null, column = null } = loaded.positions.get(problem.path) ?? {};
    return { ...problem, line, column };
  });
}

/** It takes the rule sets to be read, so a node does it with those it has loaded, and says it in status. */
async function modeProblems({ config, positions }: LoadedConfig): Promise<ConfigProblem[]> {
  const { unknownModeNames } = await import('#toolchain/mode-check.ts');
  return unknownModeNames(config).map(({ path, what }) => {
    const { line = null, column = null } = positions.get(path) ?? {};
    const message = `no rule set that it is about has ${what} at its paranoia level`;
    return { path, message, line, column, fix: 'weir rules explain says which rules there are' };
  });
}

async function checkOrchestratorFile(file: string, io: CliIo, print: Printer): Promise<number> {
  const { loadOrchestrator } = await import('#config/load-orchestrator.ts');
  const loaded = await loadOrchestrator({ file, env: io.env, defaults: '{}' });
  if (loaded.ok) {
    const { fleet, webhooks } = loaded.config;
    const summary = { fleet: fleet?.name ?? null, webhooks: webhooks.length };
    print.answer({ ok: true, file, sha256: loaded.sha256, ...summary, problems: [] }, () => {
      const of = fleet === undefined ? 'no fleet' : `the fleet ${fleet.name}`;
      return `${file} is in order: ${of}, ${counted(webhooks.length, 'webhook')}`;
    });
    return exitCodes.ok;
  }
  const { problems } = loaded;
  print.answer({ ok: false, file, problems }, () =>
    problems.map((problem) => problemLine(problem, file)).join('\n'),
  );
  return exitCodes.failure;
}

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
