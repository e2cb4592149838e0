/**
 * What a request is served by: the configuration compiled once, immutable. A request takes the current
 * snapshot at its start and keeps it to its end, so it never sees two versions.
 */
import type { WafMode } from '#config/route-schema.ts';
import type { Config } from '#config/schema.ts';
import { CidrMap } from '#core/cidr-map.ts';
import { parseCidr } from '#core/ip.ts';
import type { LiveModule } from '#wasm/live-module.ts';
import { Router } from './router.ts';
import type { UpstreamGroup } from './upstream/upstream-group.ts';

export type CompiledRoute = {
  /** `host path` as configured; what logs and metrics call the route. */
  readonly name: string;
  readonly upstream: UpstreamGroup;
  readonly websocket: boolean;
  readonly mode: WafMode;
  /** In the order they run. */
  readonly modules: readonly LiveModule[];
};

export type Snapshot = {
  readonly generation: number;
  readonly limits: Config['edge']['limits'];
  readonly timeouts: Config['edge']['timeouts'];
  readonly trustedProxies: CidrMap<true>;
  readonly router: Router<CompiledRoute>;
};

export function compileSnapshot(
  generation: number,
  config: Config,
  upstreams: ReadonlyMap<string, UpstreamGroup>,
  modules: ReadonlyMap<string, LiveModule>,
): Snapshot {
  const trustedProxies = new CidrMap<true>(Math.max(1, config.edge.trustedProxies.length));
  for (const text of config.edge.trustedProxies) {
    const cidr = parseCidr(text);
    if (cidr === null) throw new Error(`trusted proxy ${text} is not an address or range`);
    trustedProxies.set(cidr, true);
  }
  const routes = config.routes.map((route) => ({
    match: route.match,
    value: {
      name: `${route.match.host} ${route.match.path}`,
      upstream: found(upstreams, route.upstream, 'upstream'),
      websocket: route.websocket,
      mode: route.waf.mode,
      modules:
        route.waf.mode === 'off'
          ? []
          : route.waf.rules.map((name) => found(modules, name, 'rule module')),
    },
  }));
  return {
    generation,
    limits: config.edge.limits,
    timeouts: config.edge.timeouts,
    trustedProxies,
    router: new Router(routes),
  };
}

function found<V>(map: ReadonlyMap<string, V>, name: string, what: string): V {
  const value = map.get(name);
  if (value === undefined) throw new Error(`${what} ${name} does not exist`);
  return value;
}
