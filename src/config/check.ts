/**
 * Whether a configuration of the right shape fits together and fits this machine: addresses, files,
 * references between its parts. All problems at once, as from the loader.
 */
import { access, constants, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '#core/errors.ts';
import { checkAcme } from './check-acme.ts';
import { checkCrowdsec } from './check-crowdsec.ts';
import { checkEvents } from './check-events.ts';
import { checkFeeds } from './check-feeds.ts';
import { checkFleet } from './check-fleet.ts';
import { checkGrants } from './check-grants.ts';
import { checkInspect } from './check-inspect.ts';
import { checkListeners } from './check-listeners.ts';
import { checkModes } from './check-modes.ts';
import { checkRates } from './check-rates.ts';
import { checkRoutes } from './check-routes.ts';
import { checkSeclang } from './check-seclang.ts';
import { checkSignatures } from './check-signatures.ts';
import { checkUpstreams } from './check-upstreams.ts';
import { coreRules } from './core-rules.ts';
import { type ConfigDraft, present, presentEntries } from './draft.ts';
import { builtinPrefix, ociPrefix, splitOciName } from './file-names.ts';
import type { LoadedConfig, LoadedDraft, LoadFailure } from './load.ts';
import { type ConfigProblem, type Say, sortProblems } from './problem.ts';
import { configSchema } from './schema.ts';

/** Everything wrong with what `loadConfig` gave: its own problems, and those of the parts that are whole. */
export async function allProblems(
  loaded: LoadedConfig | LoadFailure,
): Promise<readonly ConfigProblem[]> {
  if (loaded.ok) return checkConfig(loaded);
  const further = loaded.draft === null ? [] : await checkConfig(loaded.draft);
  return sortProblems([...loaded.problems, ...further]);
}

export async function checkConfig(
  loaded: LoadedDraft,
  nowMs = Date.now(),
): Promise<readonly ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  const say: Say = (path, message, fix) => {
    const origin = loaded.origins.get(path) ?? '';
    const position =
      origin.startsWith('env') || origin === 'default' ? undefined : loaded.positions.get(path);
    const place = { line: position?.line ?? null, column: position?.column ?? null };
    problems.push({ path, message, ...place, ...(fix === undefined ? {} : { fix }) });
  };
  const { config } = loaded;
  await checkListeners(config, nowMs, say);
  await checkAcme(config, process.env, say);
  await checkUpstreams(config, nowMs, say);
  checkRoutes(config, say);
  checkModes(config, say);
  checkRates(config, say);
  await checkModules(config, say);
  await checkSeclang(config, say);
  await checkInspect(config, say);
  await checkGrants(config, say);
  await checkSignatures(config, say);
  await checkRedact(config, say);
  await checkEvents(config, say);
  await checkFeeds(config, say);
  await checkCrowdsec(config, say);
  await checkFleet(config.fleet, 'node', say);
  return sortProblems(problems);
}

async function checkModules(config: ConfigDraft, say: Say): Promise<void> {
  for (const [name, rule] of presentEntries(config.waf?.rules)) {
    if (rule.module === undefined) continue;
    const path = `waf.rules.${name}.module`;
    if (rule.module.startsWith(builtinPrefix)) {
      if (rule.module === coreRules) continue;
      const builtin = rule.module.slice(builtinPrefix.length);
      if (!(await isBuiltin(builtin)))
        say(
          path,
          `no rules named ${builtin} ship with Weir`,
          'see wasm-rules/rules for those that do',
        );
      continue;
    }
    const isOci = rule.module.startsWith(ociPrefix);
    const file = isOci
      ? join(splitOciName(rule.module.slice(ociPrefix.length)).folder, 'index.json')
      : rule.module;
    try {
      await access(file, constants.R_OK);
      if (!(await stat(file)).isFile()) say(path, `${file} is no file`, 'name a .wasm file');
    } catch (error) {
      say(
        path,
        `${file} cannot be read: ${describeError(error)}`,
        isOci
          ? 'name the folder of an OCI image layout, with index.json in it'
          : `name a .wasm file, ${ociPrefix}FOLDER or ${builtinPrefix}NAME`,
      );
    }
  }
}

/** What ships is a folder under wasm-rules/rules. */
async function isBuiltin(name: string): Promise<boolean> {
  if (!/^[a-z0-9-]{1,64}$/.test(name)) return false;
  try {
    return (await stat(new URL(`../../wasm-rules/rules/${name}/`, import.meta.url))).isDirectory();
  } catch {
    return false;
  }
}

async function checkRedact(config: ConfigDraft, say: Say): Promise<void> {
  const redact = config.accessLog?.redact;
  const standard = JSON.stringify(configSchema.properties.accessLog.properties.redact);
  if (redact === undefined || redact.length === 0) return;
  type Re2 = new (pattern: string) => unknown;
  let re2: Re2;
  try {
    re2 = (await import('re2')).default;
  } catch {
    // With the standard patterns the node runs and leaves query strings out of its log, and says so.
    if (!standard.includes(JSON.stringify(redact))) {
      say(
        'accessLog.redact',
        'RE2 is not built on this machine, so these patterns cannot be applied',
        'npm start builds it; build/setup-re2.log says what failed',
      );
    }
    return;
  }
  for (const [index, pattern] of present(redact)) {
    try {
      new re2(pattern);
    } catch (error) {
      say(
        `accessLog.redact[${index}]`,
        `is no RE2 pattern: ${describeError(error)}`,
        'RE2 has no look-around and no back references',
      );
    }
  }
}
