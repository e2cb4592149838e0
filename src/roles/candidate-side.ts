/**
 * The two rule sets of a comparison, made from a running node: what is live in its workers, and what a candidate would
 * make of it.
 *
 * ```
 * rules   the live configuration, with other bytes under the names given
 * config  another configuration, with its modules as a reload would choose them
 * ```
 */
import { createHash } from 'node:crypto';
import { describeError, WeirError } from '#core/errors.ts';
import type { SideModule, SideSource } from '#replay/rule-side.ts';
import type { LiveModules } from './live-modules.ts';
import { tryModule } from './module-admission.ts';
import { readRuleSource } from './rule-source.ts';
import { loadChecked, moduleSettings } from './snapshot-source.ts';
import type { Supervisor } from './supervisor.ts';

/** Either bytes of a module, or files in SecLang that are compiled as the rule of that name is. */
export type CandidateRule = {
  readonly name: string;
  readonly module: Uint8Array | null;
  readonly seclang: readonly string[] | null;
  /** Text of its source map, where one came. */
  readonly sourceMap?: string | null;
};

export type Candidate =
  | { readonly kind: 'rules'; readonly rules: readonly CandidateRule[] }
  /** A file; null: the one the node runs, as it is now. */
  | { readonly kind: 'config'; readonly file: string | null };

export type CandidateHost = {
  readonly supervisor: () => Supervisor;
  readonly live: () => LiveModules;
  /** The configuration file of the node; null where there is none. */
  readonly configFile: () => Promise<string | null>;
};

/** With the hash of its configuration, where it is not the live one. */
type CandidateSide = SideSource & { readonly configSha256: string | null };

export function liveSide({ supervisor }: CandidateHost): SideSource {
  const { config, modules } = supervisor().snapshot;
  return { config, modules };
}

/** Throws REPLAY_INVALID, MODULE_INVALID, MODULE_UNKNOWN, RULES_INVALID, CONFIG_INVALID. */
export async function candidateSide(
  candidate: Candidate,
  host: CandidateHost,
): Promise<CandidateSide> {
  if (candidate.kind === 'config') return configSide(candidate.file, host);
  const { config, modules } = liveSide(host);
  const others = new Map<string, SideModule>();
  for (const rule of candidate.rules) others.set(rule.name, await candidateModule(rule, host));
  const tried = modules.map((module) => others.get(module.name) ?? module);
  return { config, modules: tried, configSha256: null };
}

/** Checked as bytes that are loaded, but for who signed them: nothing goes live by it. */
export async function candidateModule(
  { name, module, seclang, sourceMap = null }: CandidateRule,
  host: CandidateHost,
): Promise<SideModule> {
  const { settings } = host.live().get(name);
  const { config } = liveSide(host);
  const rule = config.waf.rules[name];
  if (rule === undefined) throw new WeirError('MODULE_UNKNOWN', `no module "${name}" is live`);
  let bytes = module;
  if (bytes === null) {
    const { module: _, ...others } = rule;
    const asked = { ...others, seclang: [...(seclang ?? [])] };
    const file = await readRuleSource(name, asked, { config, baseDirectory: '/' }, null);
    bytes = file.bytes;
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const source = { name, sha256, bytes, cases: null, sourceMap, settings };
  await tryModule(source, config);
  return { ...settings, name, sha256, bytes, off: null };
}

async function configSide(given: string | null, host: CandidateHost): Promise<CandidateSide> {
  const file = given ?? (await host.configFile());
  if (file === null)
    throw new WeirError('REPLAY_INVALID', 'the node runs without a configuration file');
  const loaded = await loadChecked({ file });
  const modules: SideModule[] = [];
  for (const [name, rule] of Object.entries(loaded.config.waf.rules)) {
    const settings = moduleSettings(rule);
    const configured = await readRuleSource(name, rule, loaded, null);
    const live = liveOf(host, name);
    // A version that was loaded by hand stays while its file does: as `module-plan.ts` has it.
    const stays = live !== null && live.configuredSha256 === configured.sha256;
    const { bytes, sha256, sourceMap } = stays
      ? { bytes: live.bytes, sha256: live.version.sha256, sourceMap: null }
      : configured;
    const off = stays && live.off !== null ? live.off : null;
    if (off === null)
      await tryModule({ name, sha256, bytes, cases: null, sourceMap, settings }, loaded.config);
    modules.push({ ...settings, name, sha256, bytes, off });
  }
  return { config: loaded.config, modules, configSha256: loaded.sha256 };
}

function liveOf(host: CandidateHost, name: string) {
  try {
    return host.live().get(name);
  } catch (error) {
    if (error instanceof WeirError && error.code === 'MODULE_UNKNOWN') return null;
    throw new Error(describeError(error), { cause: error });
  }
}
