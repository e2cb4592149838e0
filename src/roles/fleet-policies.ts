/** The policies of a fleet over the configuration of a node: read from its own disk, laid, checked as a whole. */
import { allProblems } from '#config/check.ts';
import type { LoadedConfig } from '#config/load.ts';
import { fleetModulesOf, layPolicies, type NamedPolicy, parsePolicy } from '#config/policy.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { ModuleFiles } from '#state/module-files.ts';
import { policyModulePath, readRolloutState, rolloutPath } from '#state/rollout-files.ts';

export type KeptPolicy = { readonly name: string; readonly sha256: string };

/** With the policies that were live last. Throws CONFIG_INVALID where they do not fit any more. */
export async function withKeptPolicies(loaded: LoadedConfig): Promise<LoadedConfig> {
  const { fleet, state } = loaded.config;
  if (fleet === undefined) return loaded;
  const { policies } = readRolloutState(state);
  return policies.length === 0 ? loaded : withPolicies(loaded, policies);
}

/** Their bytes are on disk. Throws CONFIG_INVALID with everything that is wrong. */
export async function withPolicies(
  base: LoadedConfig,
  kept: readonly KeptPolicy[],
): Promise<LoadedConfig> {
  const { state } = base.config;
  const files = new ModuleFiles(rolloutPath(state), '.blob');
  const named = await Promise.all(kept.map((one) => readPolicy(files, one)));
  const laid = layPolicies(base, named, (rule, sha256) => policyModulePath(state, rule, sha256));
  if (!laid.ok) throw invalid(laid.problems);
  const problems = await allProblems(laid.loaded);
  if (problems.length > 0)
    throw invalid(
      problems.map(
        ({ path, message, fix }) => `${path}  ${message}${fix === undefined ? '' : ` (${fix})`}`,
      ),
    );
  return laid.loaded;
}

/** Throws CONFIG_INVALID where the bytes are not what they were. */
async function readPolicy(files: ModuleFiles, { name, sha256 }: KeptPolicy): Promise<NamedPolicy> {
  let text: string;
  try {
    text = Buffer.from(await files.read(sha256)).toString('utf8');
  } catch (error) {
    throw invalid([`policy ${name} is gone from this machine: ${describeError(error)}`]);
  }
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw invalid([`policy ${name}: ${parsed.problems[0]?.message ?? 'unreadable'}`]);
  return { name, policy: parsed.policy };
}

/** Where the modules lie that a policy brings along. */
export function policyModules(
  state: string,
  { policy }: NamedPolicy,
): { readonly rule: string; readonly sha256: string; readonly path: string }[] {
  return fleetModulesOf(policy).map(({ rule, sha256 }) => ({
    ...{ rule, sha256 },
    path: policyModulePath(state, rule, sha256),
  }));
}

function invalid(details: readonly string[]): WeirError {
  return new WeirError(
    'CONFIG_INVALID',
    `the configuration with the policies of the fleet has ${details.length} problem${details.length === 1 ? '' : 's'}: ${details[0]}`,
    { details },
  );
}
