/** Where a configuration says modes of single rules, and the entries each of these places is about. */
import type { RuleMode } from './mode-schema.ts';
import type { Config } from './schema.ts';

export type ModeScope = {
  /** Of the list. */
  readonly path: string;
  readonly rows: readonly RuleMode[];
  /** Names under `waf.rules`. */
  readonly entries: readonly string[];
};

export function modeScopes({ waf, routes }: Config): readonly ModeScope[] {
  const everywhere = { path: 'waf.modes', rows: waf.modes, entries: Object.keys(waf.rules) };
  const byRoute = routes.map((route, index) => ({
    path: `routes[${index}].waf.modes`,
    rows: route.waf.modes,
    entries: route.waf.rules,
  }));
  return [everywhere, ...byRoute].filter(({ rows }) => rows.length > 0);
}
