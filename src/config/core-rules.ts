/**
 * `builtin:core`, the rule set of Weir's own: written in SecLang and compiled as any other, so that paranoia, thresholds
 * and exclusions are said of it as they are of the Core Rule Set.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const coreRules = 'builtin:core';

const coreFolder = fileURLToPath(new URL('../../wasm-rules/core', import.meta.url));

/** Files and folders of an entry of `waf.rules` that is written in SecLang; null where it is a module. */
export function seclangPaths(rule: {
  readonly module?: string | undefined;
  readonly seclang?: readonly string[] | undefined;
}): readonly string[] | null {
  return rule.seclang ?? (rule.module === coreRules ? [coreFolder] : null);
}

/** What a command line names: `builtin:core`, a file or a folder. */
export const namedRules = (cwd: string, name: string): string =>
  name === coreRules ? coreFolder : resolve(cwd, name);
