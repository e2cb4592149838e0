/**
 * Which version of each configured module goes live at a start or a reload: the newest change wins.
 *
 * ```
 * the file holds what is current                        the version stays
 * else, what it held when the current one went live     the version that was loaded by hand stays
 * else                                                  the file, as a new version
 * ```
 *
 * A version that stays is checked like any other: one whose bytes are damaged, whose key is no longer
 * trusted, or that this Weir does not take gives way to the file, and that is said.
 */
import type { Tried } from '#admin/replay-control.ts';
import type { RuleModule } from '#config/module-schema.ts';
import { describeError } from '#core/errors.ts';
import type { ModuleSignature, Signed } from '#core/module-signature.ts';
import type { ModuleVersion } from '#state/module-database.ts';
import type { ModuleStore } from '#state/module-store.ts';
import { rolloutPath } from '#state/rollout-files.ts';
import type { Logger } from '#telemetry/log.ts';
import { keepSourceMap } from './kept-source-map.ts';
import {
  type AdmissionPolicy,
  checkSigned,
  checkSignedAnew,
  noteRefused,
  signaturePolicy,
  tryModule,
} from './module-admission.ts';
import { readRuleSource } from './rule-source.ts';
import { type LoadedConfig, type ModuleSettings, moduleSettings } from './snapshot-source.ts';
import { checkModulesTried } from './tried-change.ts';

export type PlannedModule = {
  readonly name: string;
  readonly settings: ModuleSettings;
  /** As the configuration has it. */
  readonly source: string;
  /** The file that changes when the module does. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
  /** What the configured source holds now. */
  readonly configuredSha256: string;
  readonly signed: Signed | null;
  /** The version it is already; null for a new one. */
  readonly version: ModuleVersion | null;
  /** Why it does not run; null when it does. */
  readonly off: string | null;
  /** Why the source map that came with it is not used; null where it is, or none came. */
  readonly sourceMapFault: string | null;
  /** Why the version that was current does not stay; null when it does, or gave way to a newer file. */
  readonly gaveWay: string | null;
};

export async function planModules(
  loaded: LoadedConfig,
  store: ModuleStore,
  log: Logger | null,
  tried: Tried | null = null,
): Promise<PlannedModule[]> {
  const policy = await signaturePolicy(loaded.config);
  const planned = await Promise.all(
    Object.entries(loaded.config.waf.rules).map(([name, rule]) =>
      planModule(name, rule, loaded, store, policy, log),
    ),
  );
  checkModulesTried(tried, planned);
  // On disk before it is live, so that there is a way back to it. One by one, as they share a bound.
  for (const { sha256, bytes } of planned) await store.keep(sha256, bytes);
  return planned;
}

async function planModule(
  name: string,
  rule: RuleModule,
  loaded: LoadedConfig,
  store: ModuleStore,
  policy: AdmissionPolicy,
  log: Logger | null,
): Promise<PlannedModule> {
  const file = await readRuleSource(name, rule, loaded, log);
  const sourceMapFault = await keepSourceMap(store, file.sha256, file);
  const head = store.head(name);
  const current = head === null || head.current === null ? null : store.version(name, head.current);
  // A policy of the fleet may go back to an older version: the fleet's order has a sequence of its own.
  const isOrdered = file.path.startsWith(`${rolloutPath(loaded.config.state)}/`);
  const checkNew = isOrdered ? checkSigned : checkSignedAnew;
  const common = {
    name,
    settings: moduleSettings(rule),
    source: file.source,
    path: file.path,
    configuredSha256: file.sha256,
    sourceMapFault,
  };
  const fromFile = async (check: typeof checkSignedAnew, gaveWay: string | null) => {
    const candidate = { ...common, ...file, sourceMapFault };
    try {
      const signed = check(candidate, policy, store);
      await tryModule(candidate, loaded.config);
      const { sha256, bytes } = file;
      return { ...common, sha256, bytes, signed, version: null, off: null, gaveWay };
    } catch (error) {
      noteRefused(store, candidate, 'config', file.source, error);
      throw error;
    }
  };

  if (current === null || head === null) return fromFile(checkNew, null);
  const off = head.isOff ? current.error : null;
  if (current.sha256 === file.sha256) {
    const signature = file.signature ?? keptSignature(current);
    const signed = checkSigned({ name, ...file, signature }, policy);
    if (off === null) await tryModule({ ...common, ...file }, loaded.config);
    const { sha256, bytes } = file;
    return { ...common, sha256, bytes, signed, version: current, off, gaveWay: null };
  }
  if (head.configuredSha256 !== file.sha256) return fromFile(checkNew, null);
  try {
    const bytes = await store.readBytes(current.sha256);
    const signed = checkKept(current, policy);
    const sourceMap = await store.sourceMaps.read(current.sha256);
    const kept = { ...common, ...current, bytes, cases: null, sourceMap };
    if (off === null) await tryModule(kept, loaded.config);
    const { sha256 } = current;
    const found = { sha256, bytes, signed, version: current, sourceMapFault: null };
    return { ...common, ...found, off, gaveWay: null };
  } catch (error) {
    // Not a replay: the file gives what was asked for in the first place.
    const reason = `version ${current.version}, which was loaded by hand, gave way to ${file.source}: ${describeError(error)}`;
    return fromFile(checkSigned, reason);
  }
}

/** The signature a version came with, against the keys of now. */
export function checkKept(version: ModuleVersion, policy: AdmissionPolicy): Signed | null {
  const { name, sha256, source } = version;
  const isBuiltin = source.startsWith('builtin:');
  return checkSigned({ name, sha256, isBuiltin, signature: keptSignature(version) }, policy);
}

function keptSignature(version: ModuleVersion): ModuleSignature | null {
  const { name, sha256, sequence, signature } = version;
  if (sequence === null || signature === null) return null;
  // Without the name of the key, which may be called something else by now.
  return { module: name, sha256, sequence, signature };
}
