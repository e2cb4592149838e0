/** What is wrong with the rules in SecLang that a configuration names, each rule set read as a node would read it. */
import { relative } from 'node:path';
import { seclangPaths } from '#config/core-rules.ts';
import type { Config } from '#config/schema.ts';
import { WeirError } from '#core/errors.ts';
import { problemsOfRules } from './build-rule-set.ts';
import { requestOfConfig } from './rule-set-request.ts';

export type ConfiguredRuleProblem = {
  /** Where the configuration names the rules. */
  readonly path: string;
  readonly message: string;
  readonly fix: string;
};

/** `folder` is what the files are named from where they lie below it. */
export function configuredRuleProblems(config: Config, folder: string): ConfiguredRuleProblem[] {
  return Object.entries(config.waf.rules).flatMap(([name, rule]) => {
    if (seclangPaths(rule) === null) return [];
    const path = `waf.rules.${name}`;
    try {
      return problemsOfRules(requestOfConfig(name, rule)).map(({ position, message, fix }) => {
        const near = relative(folder, position.file);
        const file = near.startsWith('..') ? position.file : near;
        return { path, message: `${file}:${position.line}:${position.column}  ${message}`, fix };
      });
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      return [{ path, message: error.message, fix: error.details[0] ?? 'name other rules' }];
    }
  });
}
