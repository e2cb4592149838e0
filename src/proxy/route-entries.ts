/** The modules of a route in the order they run, each with what its rules may do there. */
import type { Config } from '#config/schema.ts';
import { WeirError } from '#core/errors.ts';
import { RuleModes } from '#waf/rule-modes.ts';
import { type Filter, phase } from '#wasm/filter.ts';
import { acceptEntry, compileAccept } from './accept/accept-filter.ts';
import type { ModuleSeries } from './module-series.ts';
import type { ModuleSeriesTable } from './module-series-table.ts';

export type RouteEntry = {
  readonly filter: Filter;
  /** Null where it is no module but a part of the edge. */
  readonly series: ModuleSeries | null;
  readonly modes: RuleModes;
};

export function compileEntries(
  { waf: shared }: Config,
  { waf }: Config['routes'][number],
  modules: ReadonlyMap<string, Filter>,
  series: ModuleSeriesTable,
): RouteEntry[] {
  if (waf.mode === 'off') return [];
  const rows = [...shared.modes, ...waf.modes];
  const thresholds = {
    inbound: waf.inboundThreshold ?? null,
    outbound: waf.outboundThreshold ?? null,
  };
  const accept = compileAccept(waf.accept, series.accept);
  const own = waf.rules.flatMap((name): RouteEntry[] => {
    const filter = modules.get(name);
    if (filter === undefined) throw new Error(`rule module ${name} does not exist`);
    if (filter.phases === phase.packet)
      throw new WeirError(
        'MODULE_INVALID',
        `rule module ${name} looks at packets, not at requests`,
        {
          details: ['take it out of the rules of the route: kernel.inspect is where it belongs'],
        },
      );
    const entryMode = shared.rules[name]?.mode ?? 'block';
    const modes = new RuleModes(name, waf.mode, entryMode, rows, thresholds);
    return modes.mode === 'off' ? [] : [{ filter, series: series.of(filter), modes }];
  });
  if (accept === null) return own;
  // Who sends what is not taken is told so: no calculation would make it be taken.
  const mode = waf.mode === 'challenge' ? 'block' : waf.mode;
  const named = rows.filter(({ rules }) =>
    rules.some((rule) => rule.startsWith(`${acceptEntry}/`)),
  );
  const modes = new RuleModes(acceptEntry, mode, 'block', named, thresholds);
  return [{ filter: accept, series: null, modes }, ...own];
}
