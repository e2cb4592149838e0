/**
 * The bytes behind a name of `waf.rules`: a module's file as it is, or SecLang compiled here. What is compiled is kept
 * under the state directory by the hash of everything it came from, so a start with the same rules compiles nothing.
 */
import { join } from 'node:path';
import { seclangPaths } from '#config/core-rules.ts';
import type { RuleModule } from '#config/module-schema.ts';
import { assert } from '#core/assert.ts';
import { wallMs } from '#core/clock.ts';
import { readExclusions } from '#state/exclusion-file.ts';
import type { Logger } from '#telemetry/log.ts';
import { buildRuleSetApart } from '#toolchain/build-rule-set-apart.ts';
import { requestOfConfig } from '#toolchain/rule-set-request.ts';
import { noSourceMap } from '#wasm/found-source-map.ts';
import { type ModuleFile, readModuleSource } from '#wasm/module-source.ts';
import type { LoadedConfig } from './snapshot-source.ts';

export const ruleSetFolder = 'rule-sets';

/** Throws RULES_INVALID, RULES_UNREADABLE, MODULE_UNREADABLE. */
export async function readRuleSource(
  name: string,
  rule: RuleModule,
  loaded: Pick<LoadedConfig, 'config' | 'baseDirectory'>,
  log: Logger | null,
): Promise<ModuleFile> {
  const paths = seclangPaths(rule);
  if (paths === null) {
    assert(rule.module !== undefined, 'the check has refused a rule without either');
    return readModuleSource(rule.module, loaded.baseDirectory);
  }
  const startedAt = performance.now();
  const built = await buildRuleSetApart(
    requestOfConfig(name, rule, readExclusions(loaded.config.state, name, wallMs())),
    join(loaded.config.state, ruleSetFolder),
    (stage) => log?.info({ rules: name, stage }, 'rule set under way'),
  );
  log?.info(
    {
      rules: name,
      loaded: built.loadedRules,
      folded: built.foldedRules,
      bytes: built.bytes.length,
      cached: built.isFromCache,
      ms: Math.round(performance.now() - startedAt),
    },
    'rule set ready',
  );
  if (built.notes.length > 0)
    log?.info({ rules: name, notes: built.notes }, 'rules hold what changes nothing');
  return {
    source: rule.module ?? `seclang:${paths.join(' ')}`,
    path: paths[0] ?? '',
    bytes: built.bytes,
    sha256: built.sha256,
    // Compiled here from files that whoever runs this node has named: there is nobody else to sign it.
    isBuiltin: true,
    signature: null,
    cases: null,
    ...noSourceMap,
  };
}
