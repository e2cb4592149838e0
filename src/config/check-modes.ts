/** What is said of modes, thresholds, windows and what routes take: that it is about something, and can be. */
import { nearestName } from '#core/nearest-name.ts';
import { seclangPaths } from './core-rules.ts';
import { type ConfigDraft, type Draft, present } from './draft.ts';
import type { RuleMode } from './mode-schema.ts';
import type { Say } from './problem.ts';
import type { Route } from './route-schema.ts';

type DraftRows = readonly (Draft<RuleMode> | undefined)[] | undefined;

export function checkModes(config: ConfigDraft, say: Say): void {
  const entries = Object.keys(config.waf?.rules ?? {});
  checkRows(config.waf?.modes, 'waf.modes', entries, 'waf.rules', say);
  for (const [index, { waf }] of present(config.routes)) {
    const path = `routes[${index}].waf`;
    const own = present<string>(waf?.rules).map(([, name]) => name);
    checkRows(waf?.modes, `${path}.modes`, own, `${path}.rules`, say);
    checkThresholds(config, waf, own, path, say);
    const most = config.waf?.bodyWindowBytes;
    if (waf?.bodyWindowBytes !== undefined && most !== undefined && waf.bodyWindowBytes > most)
      say(
        `${path}.bodyWindowBytes`,
        `${waf.bodyWindowBytes} bytes are more than modules have room for`,
        `raise waf.bodyWindowBytes, which is ${most}, or write less`,
      );
    const refused = present<string>(waf?.accept?.refusedExtensions);
    for (const [at, extension] of refused)
      if (waf?.accept?.extensions?.includes(extension) === true)
        say(
          `${path}.accept.refusedExtensions[${at}]`,
          `${extension} is in extensions too`,
          'take it out of one of them',
        );
  }
}

function checkRows(
  rows: DraftRows,
  path: string,
  entries: readonly string[],
  where: string,
  say: Say,
): void {
  for (const [index, { rules, tags, entry }] of present(rows)) {
    const at = `${path}[${index}]`;
    if (entry === undefined && rules?.length === 0 && tags?.length === 0)
      say(at, 'names no rules, no tags and no entry', 'say which: rules: ["942100"], or say mode');
    for (const [which, rule] of present<string>(rules)) {
      const [from = 0, to = 0] = rule.split('-').map(Number);
      if (/^[0-9]+-[0-9]+$/.test(rule) && from > to)
        say(`${at}.rules[${which}]`, `${rule} holds no number`, `write ${to}-${from}`);
    }
    if (entry === undefined || entries.includes(entry)) continue;
    const near = nearestName(entry, entries);
    say(
      `${at}.entry`,
      `${JSON.stringify(entry)} is none of ${where}`,
      near === null ? `${where} has ${entries.join(', ') || 'none'}` : `did you mean ${near}?`,
    );
  }
}

function checkThresholds(
  config: ConfigDraft,
  waf: Draft<Route['waf']> | undefined,
  names: readonly string[],
  path: string,
  say: Say,
): void {
  const hasSet = names.some((name) => {
    const rule = config.waf?.rules?.[name];
    return (
      rule !== undefined &&
      (rule.seclang !== undefined || seclangPaths({ module: rule.module }) !== null)
    );
  });
  if (hasSet) return;
  for (const key of ['inboundThreshold', 'outboundThreshold'] as const)
    if (waf?.[key] !== undefined)
      say(`${path}.${key}`, 'is for SecLang rule sets, and the route has none', 'take it out');
}
