/**
 * Where rules in SecLang lie that are named and not written as a path: `builtin:core`, compiled as any other set so that
 * paranoia, thresholds and exclusions are said of it alike, and `installed:crs`.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installedCrs, installedCrsFolder } from '#core/installed-rules.ts';

export const coreRules = 'builtin:core';

const coreFolder = fileURLToPath(new URL('../../wasm-rules/core', import.meta.url));

/** Files and folders of an entry of `waf.rules` that is written in SecLang; null where it is a module. */
export function seclangPaths(rule: {
  readonly module?: string | undefined;
  readonly seclang?: readonly string[] | undefined;
}): readonly string[] | null {
  if (rule.seclang !== undefined)
    return rule.seclang.map((name) => (name === installedCrs ? installedCrsFolder : name));
  return rule.module === coreRules ? [coreFolder] : null;
}

/** What a command line names: `builtin:core`, `installed:crs`, a file or a folder. */
export function namedRules(cwd: string, name: string): string {
  if (name === coreRules) return coreFolder;
  return name === installedCrs ? installedCrsFolder : resolve(cwd, name);
}
