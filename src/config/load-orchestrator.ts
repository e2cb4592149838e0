/** The configuration of an orchestrator: loaded like that of a node, and everything wrong with it at once. */
import { resolve } from 'node:path';
import { Check } from 'typebox/value';
import { parseCidr } from '#core/ip.ts';
import { parseListenAddress } from './address.ts';
import { checkFleet } from './check-fleet.ts';
import { checkOrchestratorTerms } from './check-orchestrator.ts';
import { checkWebhook } from './check-webhook.ts';
import { type Draft, present } from './draft.ts';
import { orchestratorNames } from './environment.ts';
import { resolveFleetFiles } from './file-names.ts';
import {
  type ConfigKind,
  type LoadedConfig,
  type LoadedDraft,
  type LoadOptions,
  loadAs,
} from './load.ts';
import { type OrchestratorConfig, orchestratorSchema } from './orchestrator-schema.ts';
import { type ConfigProblem, type Say, sortProblems } from './problem.ts';

export type LoadedOrchestrator =
  | LoadedConfig<OrchestratorConfig>
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

const orchestratorConfig: ConfigKind<OrchestratorConfig> = {
  schema: orchestratorSchema,
  fits: (value): value is OrchestratorConfig => Check(orchestratorSchema, value),
  environment: orchestratorNames,
  resolve: resolveNames,
  resolveDraft: resolveNames,
};

function resolveNames<C extends Draft<OrchestratorConfig>>(
  config: C,
  origins: ReadonlyMap<string, string>,
  baseDirectory: string,
  workingDirectory: string,
): C {
  const absolute = (path: string, name: string): string =>
    resolve((origins.get(path) ?? '').startsWith('file') ? baseDirectory : workingDirectory, name);
  const resolved = structuredClone(config);
  if (resolved.state !== undefined) resolved.state = absolute('state', resolved.state);
  resolveFleetFiles(resolved.fleet, absolute);
  for (const [index, hook] of present(resolved.webhooks))
    if (hook.secretFile !== undefined)
      hook.secretFile = absolute(`webhooks[${index}].secretFile`, hook.secretFile);
  return resolved;
}

export async function loadOrchestrator(options: LoadOptions): Promise<LoadedOrchestrator> {
  const loaded = loadAs(orchestratorConfig, options);
  const looked = loaded.ok ? loaded : loaded.draft;
  const further = looked === null ? [] : await checkOrchestrator(looked);
  if (loaded.ok && further.length === 0) return loaded;
  const problems = loaded.ok ? further : sortProblems([...loaded.problems, ...further]);
  return { ok: false, problems };
}

async function checkOrchestrator(
  loaded: LoadedDraft<OrchestratorConfig>,
): Promise<readonly ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  const say: Say = (path, message, fix) => {
    const fromFile = (loaded.origins.get(path) ?? '').startsWith('file');
    const position = fromFile ? loaded.positions.get(path) : undefined;
    const place = { line: position?.line ?? null, column: position?.column ?? null };
    problems.push({ path, message, ...place, ...(fix === undefined ? {} : { fix }) });
  };
  const { config } = loaded;
  checkAddress(config.api?.address, say);
  await checkFleet(config.fleet, 'orchestrator', say);
  checkOrchestratorTerms(config, say);
  for (const [index, text] of present(config.gateway?.allow))
    if (parseCidr(text) === null)
      say(
        `gateway.allow[${index}]`,
        `"${text}" is no address and no CIDR range`,
        'write 10.0.0.0/8 or fd00::/8',
      );
  for (const [index, hook] of present(config.webhooks)) {
    const path = `webhooks[${index}]`;
    const { url, secretFile, allowInternal } = hook;
    checkWebhook({ url, secretFile, allowInternal }, `${path}.url`, `${path}.secretFile`, say);
  }
  return sortProblems(problems);
}

/** Tokens travel in the clear here, so they stay on this machine. */
function checkAddress(text: string | undefined, say: Say): void {
  if (text === undefined) return;
  const address = parseListenAddress(text);
  if (address === null)
    say('api.address', `"${text}" is not host:port`, 'write 127.0.0.1:3030 or [::1]:3030');
  else if (!/^127\.|^::1$/.test(address.host))
    say(
      'api.address',
      `${address.host} is not on loopback`,
      'listen on 127.0.0.1 or [::1]; from another machine go through an ssh tunnel',
    );
}
