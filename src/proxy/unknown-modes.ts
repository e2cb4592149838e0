/**
 * Modes and thresholds of a configuration that are about no rule of the sets that are loaded: a mistyped identifier, or
 * a rule that the set's paranoia level has left out. Requests are served as if they were not said; that stands in status.
 */
import { seclangPaths } from '#config/core-rules.ts';
import { modeScopes } from '#config/mode-scopes.ts';
import type { Config } from '#config/schema.ts';
import { unknownNames } from '#waf/rule-modes.ts';
import type { Filter, FilterRuleSet } from '#wasm/filter.ts';

/** Named in one reason; a longer list helps nobody. */
const namedMax = 8;

/** Null: everything is about something. */
export function unknownModes(config: Config, modules: ReadonlyMap<string, Filter>): string | null {
  const missing = modeScopes(config).flatMap(({ path, rows, entries }) => {
    const sets = setsOf(config, modules, entries);
    // One that is out of service says nothing of its rules.
    if (sets === null) return [];
    return unknownNames(rows, sets).map(({ row, what }) => `${path}[${row}]: ${what}`);
  });
  for (const [index, { waf }] of config.routes.entries()) {
    const sets = setsOf(config, modules, waf.rules) ?? [];
    for (const which of ['inbound', 'outbound'] as const)
      if (
        waf[`${which}Threshold`] !== undefined &&
        sets.length > 0 &&
        !sets.some(({ thresholds }) => thresholds.includes(which))
      )
        missing.push(`routes[${index}].waf.${which}Threshold: no rule asks for it`);
  }
  if (missing.length === 0) return null;
  const more = missing.length - namedMax;
  return `no loaded rule set has ${missing.slice(0, namedMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function setsOf(
  { waf }: Config,
  modules: ReadonlyMap<string, Filter>,
  entries: readonly string[],
): (FilterRuleSet & { readonly entry: string })[] | null {
  const sets: (FilterRuleSet & { readonly entry: string })[] = [];
  for (const entry of entries) {
    const ruleSet = modules.get(entry)?.ruleSet;
    if (ruleSet !== undefined) sets.push({ entry, ...ruleSet });
    else if (seclangPaths(waf.rules[entry] ?? {}) !== null) return null;
  }
  return sets;
}
