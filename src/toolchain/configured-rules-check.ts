/** What is wrong with the rules in SecLang that a configuration names, each rule set read as a node would read it. */
import { relative } from 'node:path';
import { seclangPaths } from '#config/core-rules.ts';
import type { Config } from '#config/schema.ts';
import { WeirError } from '#core/errors.ts';
import { nearestName } from '#core/nearest-name.ts';
import { parseIdRange } from '#waf/language/id-range.ts';
import { languageLimits } from '#waf/language/limits.ts';
import type { LoadedRules } from '#waf/language/load.ts';
import { diskReader } from '#waf/language/rule-reader.ts';
import { plainText } from '#waf/rules/rule-index.ts';
import { readRules } from './build-rule-set.ts';
import { type RuleExclusion, type RuleSetRequest, requestOfConfig } from './rule-set-request.ts';

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
      const request = requestOfConfig(name, rule);
      const loaded = readRules(request);
      const problems = loaded.problems.map(({ position, message, fix }) => {
        const near = relative(folder, position.file);
        const file = near.startsWith('..') ? position.file : near;
        return { path, message: `${file}:${position.line}:${position.column}  ${message}`, fix };
      });
      if (problems.length > 0) return problems;
      const idle = idleSetup(path, request.setup, loaded.files);
      if (request.exclusions.length === 0) return idle;
      // Without them, as one may take out the rules that another is about.
      const before = readRules({ ...request, exclusions: [] });
      return [...idle, ...idleExclusions(path, request.exclusions, before)];
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      return [{ path, message: error.message, fix: error.details[0] ?? 'name other rules' }];
    }
  });
}

/** What exclusions name and no rule has: they would take nothing out, and nobody would know. */
function idleExclusions(
  path: string,
  exclusions: readonly RuleExclusion[],
  { ruleSet }: LoadedRules,
): ConfiguredRuleProblem[] {
  const tags = new Set(
    ruleSet.rules.flatMap((item) => (item.kind === 'rule' ? item.tags.map(plainText) : [])),
  );
  const isRule = (range: string): boolean => {
    const { from, to } = parseIdRange(range) ?? { from: 0, to: 0 };
    return ruleSet.dispositions.some(({ id }) => id >= from && id <= to);
  };
  return exclusions.flatMap((exclusion, index) => {
    const lost = [
      ...exclusion.rules.filter((range) => !isRule(range)).map((range) => `rule ${range}`),
      // The schema leaves a tag no sign of a pattern but the dot.
      ...exclusion.tags
        .filter((tag) => ![...tags].some((known) => new RegExp(tag).test(known)))
        .map((tag) => `tag ${tag} at its paranoia level`),
    ];
    return lost.map((what) => ({
      path: `${path}.exclusions[${index}]`,
      message: `nothing there has ${what}`,
      fix: 'weir rules check --all lists the rules',
    }));
  });
}

/** Variables that no file names, in a comment neither: whoever set them meant others. */
function idleSetup(
  path: string,
  setup: RuleSetRequest['setup'],
  files: readonly string[],
): ConfiguredRuleProblem[] {
  const names = Object.keys(setup);
  if (names.length === 0) return [];
  const texts = files.map((file) => {
    const answer = diskReader.read(file, languageLimits.ruleFileBytesMax);
    return 'text' in answer ? answer.text : '';
  });
  if (texts.some((text) => /SecRule\s+"?(?:[^"\s]*\|)?TX[\s"|]/i.test(text))) return [];
  const patterns = texts.flatMap((text) =>
    Array.from(text.matchAll(/\btx:'?\/((?:\\.|[^/\s"])+)\//gi), ([, source]) => `${source}`),
  );
  const known = new Set(
    texts.flatMap((text) =>
      Array.from(text.matchAll(/\btx[.:]([\w-]+)/gi), ([, name]) => `${name}`.toLowerCase()),
    ),
  );
  return names
    .filter((name) => !known.has(name.toLowerCase()) && !patterns.some((one) => takes(one, name)))
    .map((name) => {
      const near = nearestName(name, [...known]);
      return {
        path: `${path}.setup.${name}`,
        message: `no rule reads tx.${name}`,
        fix: near === null ? 'take it out' : `did you mean ${near}?`,
      };
    });
}

/** One that only the rules' own matcher reads may take any. */
function takes(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern, 'i').test(name);
  } catch {
    return true;
  }
}
