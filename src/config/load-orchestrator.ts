/** The configuration of an orchestrator: loaded like that of a node, and everything wrong with it at once. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Check } from 'typebox/value';
import { describeError } from '#core/errors.ts';
import { parseCidr, parseIp } from '#core/ip.ts';
import { isPublicAddress } from '#core/public-address.ts';
import { parseListenAddress } from './address.ts';
import { checkFleet } from './check-fleet.ts';
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

export const webhookSecretCharactersMin = 32;
const webhookSecretBytesMax = 4_096;

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
  await checkFleet(config.fleet, say);
  for (const [index, text] of present(config.gateway?.allow))
    if (parseCidr(text) === null)
      say(
        `gateway.allow[${index}]`,
        `"${text}" is no address and no CIDR range`,
        'write 10.0.0.0/8 or fd00::/8',
      );
  for (const [index, hook] of present(config.webhooks)) checkWebhook(index, hook, say);
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

function checkWebhook(
  index: number,
  hook: Draft<OrchestratorConfig['webhooks'][number]>,
  say: Say,
): void {
  const path = `webhooks[${index}]`;
  const url = hook.url === undefined ? null : URL.parse(hook.url);
  if (hook.url !== undefined) {
    if (url === null || !/^https?:$/.test(url.protocol))
      say(`${path}.url`, `"${hook.url}" is no http or https URL`, 'write https://host/path');
    else if (url.username !== '' || url.password !== '')
      say(`${path}.url`, 'has a user name or a password in it', 'the signature says who sends it');
    else if (hook.allowInternal !== true && isHidden(url.hostname))
      say(
        `${path}.url`,
        `${url.hostname} is no address of the public Internet`,
        'set allowInternal: true if that is meant',
      );
  }
  if (hook.secretFile === undefined) return;
  try {
    readWebhookSecret(hook.secretFile);
  } catch (error) {
    say(
      `${path}.secretFile`,
      describeError(error),
      `make one: openssl rand -hex 32 > ${hook.secretFile}`,
    );
  }
}

/** An address that stands in the URL itself; names are looked at when they are resolved. */
function isHidden(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return parseIp(bare) !== null && !isPublicAddress(bare);
}

/** Throws where it cannot be read, is too short, or too much. */
export function readWebhookSecret(file: string): string {
  const { size } = statSync(file);
  if (size > webhookSecretBytesMax)
    throw new Error(
      `${file} holds ${size} bytes, and a secret has ${webhookSecretBytesMax} at most`,
    );
  const secret = readFileSync(file, 'utf8').trim();
  if (secret.length < webhookSecretCharactersMin)
    throw new Error(
      `${file} holds ${secret.length} characters, and a secret has ${webhookSecretCharactersMin} at least`,
    );
  return secret;
}
