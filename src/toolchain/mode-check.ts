/** Modes of a configuration that name rules or tags which none of its rule sets has, found without compiling any. */
import { seclangPaths } from '#config/core-rules.ts';
import { modeScopes } from '#config/mode-scopes.ts';
import type { Config } from '#config/schema.ts';
import { loadRules } from '#waf/language/load.ts';
import { diskReader } from '#waf/language/rule-reader.ts';
import { type NamedRule, unknownNames } from '#waf/rule-modes.ts';
import { plainText } from '#waf/rules/rule-index.ts';
import { sourcesFor } from './build-rule-set.ts';
import { requestOfConfig } from './rule-set-request.ts';

/** Where it stands, and what is not there. Throws `RULES_UNREADABLE`. */
export function unknownModeNames(
  config: Config,
): { readonly path: string; readonly what: string }[] {
  const scopes = modeScopes(config).filter(({ rows }) =>
    rows.some(({ rules, tags }) => rules.length + tags.length > 0),
  );
  const loaded = new Map<string, readonly NamedRule[]>();
  const rulesOf = (entry: string): readonly NamedRule[] | null => {
    const rule = config.waf.rules[entry];
    if (rule === undefined || seclangPaths(rule) === null) return null;
    const known = loaded.get(entry) ?? namedRulesOf(entry, rule);
    loaded.set(entry, known);
    return known;
  };
  return scopes.flatMap(({ path, rows, entries }) => {
    const sets = entries.flatMap((entry) => {
      const rules = rulesOf(entry);
      return rules === null ? [] : [{ entry, rules }];
    });
    return unknownNames(rows, sets).map(({ row, what }) => ({ path: `${path}[${row}]`, what }));
  });
}

function namedRulesOf(entry: string, rule: Config['waf']['rules'][string]): readonly NamedRule[] {
  const request = requestOfConfig(entry, rule);
  const { ruleSet } = loadRules(sourcesFor(request, diskReader), { reader: diskReader });
  return ruleSet.rules
    .filter((item) => item.kind === 'rule')
    .map(({ id, tags }) => ({ name: `${entry}/${id}`, id, tags: tags.map(plainText) }));
}
