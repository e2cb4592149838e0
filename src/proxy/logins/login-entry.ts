/** The watch on logins as a part of a route: on every one that a login can take. */
import type { Config } from '#config/schema.ts';
import { RuleModes } from '#waf/rule-modes.ts';
import type { Filter } from '#wasm/filter.ts';
import type { RouteEntry } from '../route-entries.ts';
import { isUnder } from '../router.ts';
import { loginFilterName } from './login-filter.ts';

/** It has a mode of its own (`behaviour.mode`); a route that watches as a whole still stops nobody. */
export function loginEntries(
  { behaviour }: Config,
  { match, waf }: Config['routes'][number],
  filters: ReadonlyMap<string, Filter>,
): RouteEntry[] {
  const filter = filters.get(loginFilterName);
  if (filter === undefined) return [];
  if (!behaviour?.logins.some(({ path }) => isUnder(path, match.path))) return [];
  const mode = waf.mode === 'monitor' ? 'monitor' : 'block';
  const modes = new RuleModes(loginFilterName, mode, 'block', [], noThresholds);
  return [{ filter, series: null, modes }];
}

const noThresholds = { inbound: null, outbound: null };
