/**
 * What a request is served by: the configuration compiled once, immutable. A request takes the current
 * snapshot at its start and keeps it to its end, so it never sees two versions.
 */
import type { ChallengeSettings } from '#config/challenge-schema.ts';
import type { MatchedPolicy } from '#config/events-schema.ts';
import type { WafMode } from '#config/mode-schema.ts';
import type { Route } from '#config/route-schema.ts';
import type { Config } from '#config/schema.ts';
import type { CidrMap } from '#core/cidr-map.ts';
import type { Filter } from '#wasm/filter.ts';
import { compileEntrance, compileRanges, type Entrance } from './entrance.ts';
import { type HeaderEdits, requestEdits, responseEdits } from './header-edits.ts';
import { loginEntries } from './logins/login-entry.ts';
import type { ModuleSeriesTable } from './module-series-table.ts';
import { type CompiledRate, compileRates } from './rates/compile-rates.ts';
import type { BeyondWindow } from './request-gate.ts';
import { compileEntries, type RouteEntry } from './route-entries.ts';
import { Router } from './router.ts';
import type { UpstreamGroup } from './upstream/upstream-group.ts';

export type CompiledRoute = {
  /** `host path` as configured; what logs and metrics call the route. */
  readonly name: string;
  readonly upstream: UpstreamGroup;
  /** The upstream of a part of the clients, null when there is none. */
  readonly canary: Canary | null;
  readonly rewrite: PathRewrite | null;
  readonly requestEdits: HeaderEdits | null;
  readonly responseEdits: HeaderEdits | null;
  readonly responseEditsTls: HeaderEdits | null;
  readonly limits: RouteLimits;
  readonly timeouts: RouteTimeouts;
  readonly websocket: boolean;
  readonly mode: WafMode;
  /** What events show of a part that matched. */
  readonly matched: MatchedPolicy;
  /** In the order they run. */
  readonly entries: readonly RouteEntry[];
  readonly bodyWindowBytes: number;
  /** A challenge is a page here, for who can show one. */
  readonly showsChallenge: boolean;
  readonly beyondWindow: BeyondWindow;
  /** Infinity: no score blocks. */
  readonly blockAtScore: number;
};

export type Canary = { readonly upstream: UpstreamGroup; readonly percent: number };

/** `prefix` at the start of the path gives way to `to`; where `isWhole`, the path is no longer than that. */
export type PathRewrite = {
  readonly prefix: Buffer;
  readonly to: Buffer;
  readonly isWhole: boolean;
};

export type RouteLimits = { readonly bodyBytesMax: number; readonly responseBytesMax: number };

/** Those of the edge, where the route has none of its own. Infinity: no limit. */
export type RouteTimeouts = {
  readonly bodyIdleMs: number;
  readonly responseMs: number;
  readonly sendMs: number;
  readonly tunnelIdleMs: number;
  readonly totalMs: number;
  readonly tunnelTotalMs: number;
};

export type Snapshot = {
  readonly generation: number;
  readonly limits: Config['edge']['limits'];
  readonly timeouts: Config['edge']['timeouts'];
  /** For a request that has no route. */
  readonly defaultTimeouts: RouteTimeouts;
  /** Whom no entry of the block list holds for. */
  readonly allowed: CidrMap<true>;
  readonly trustedProxies: CidrMap<true>;
  /** Whom limits by address and by second do not hold for, trusted proxies among them. */
  readonly unlimited: CidrMap<true>;
  /** By index in `edge.listeners`. */
  readonly entrances: readonly Entrance[];
  readonly router: Router<CompiledRoute>;
  readonly challenge: ChallengeSettings;
  readonly rates: readonly CompiledRate[];
  /** Something may challenge clients, so they may hold passes. */
  readonly givesPasses: boolean;
};

export function compileSnapshot(
  generation: number,
  config: Config,
  upstreams: ReadonlyMap<string, UpstreamGroup>,
  modules: ReadonlyMap<string, Filter>,
  series: ModuleSeriesTable,
): Snapshot {
  const { trustedProxies } = config.edge;
  const routes = config.routes.map((route) => ({
    match: route.match,
    value: {
      name: routeName(route.match),
      upstream: found(upstreams, route.upstream, 'upstream').withRetries(route.retries),
      canary:
        route.canary === undefined
          ? null
          : {
              upstream: found(upstreams, route.canary.upstream, 'upstream').withRetries(
                route.retries,
              ),
              percent: route.canary.percent,
            },
      rewrite: compileRewrite(route),
      requestEdits: requestEdits(route),
      responseEdits: responseEdits(route, false),
      responseEditsTls: responseEdits(route, true),
      limits: {
        bodyBytesMax: route.limits.bodyBytesMax ?? config.edge.limits.bodyBytesMax,
        responseBytesMax: route.limits.responseBytesMax ?? Number.POSITIVE_INFINITY,
      },
      timeouts: compileTimeouts(config, route),
      websocket: route.websocket,
      mode: route.waf.mode,
      matched: route.waf.matched ?? config.events.matched,
      beyondWindow: route.waf.beyondWindow,
      blockAtScore: route.waf.blockAtScore ?? Number.POSITIVE_INFINITY,
      bodyWindowBytes: route.waf.bodyWindowBytes ?? config.waf.bodyWindowBytes,
      showsChallenge: route.waf.challenge === 'page',
      entries: [
        ...compileEntries(config, route, modules, series),
        ...loginEntries(config, route, modules),
      ],
    },
  }));
  return {
    generation,
    limits: config.edge.limits,
    timeouts: config.edge.timeouts,
    defaultTimeouts: compileTimeouts(config, null),
    allowed: compileRanges(config.edge.allow),
    trustedProxies: compileRanges(trustedProxies),
    unlimited: compileRanges([...trustedProxies, ...config.edge.limits.unlimitedAddresses]),
    entrances: config.edge.listeners.map((listener) =>
      compileEntrance(listener, config.edge.limits, upstreams),
    ),
    router: new Router(routes),
    challenge: config.waf.challenge,
    rates: compileRates(config.rates),
    givesPasses:
      routes.some(({ value }) => value.entries.length > 0) ||
      hasChallengingList(config) ||
      config.rates.some(({ mode }) => mode === 'challenge') ||
      config.behaviour !== undefined,
  };
}

/** Routes that share host and path are told apart by what else they match. */
export function routeName({ host, path, exact, methods, headers }: Route['match']): string {
  const conditions = [...methods, ...headers.map(({ name }) => name)];
  const suffix = conditions.length === 0 ? '' : ` [${conditions.join(' ')}]`;
  return `${host} ${exact ? '=' : ''}${path}${suffix}`;
}

function compileRewrite({ rewritePrefix, match }: Route): PathRewrite | null {
  if (rewritePrefix === undefined) return null;
  return {
    prefix: Buffer.from(match.path, 'latin1'),
    to: Buffer.from(rewritePrefix, 'latin1'),
    isWhole: match.exact,
  };
}

function compileTimeouts({ edge }: Config, route: Route | null): RouteTimeouts {
  const { bodyIdleMs, responseMs, sendMs, tunnelIdleMs } = edge.timeouts;
  return {
    bodyIdleMs,
    responseMs,
    sendMs,
    tunnelIdleMs,
    totalMs: Number.POSITIVE_INFINITY,
    tunnelTotalMs: Number.POSITIVE_INFINITY,
    ...route?.timeouts,
  };
}

function found<V>(map: ReadonlyMap<string, V>, name: string, what: string): V {
  const value = map.get(name);
  if (value === undefined) throw new Error(`${what} ${name} does not exist`);
  return value;
}

const hasChallengingList = ({ feeds, crowdsec }: Config): boolean =>
  crowdsec?.lapi?.captcha === 'challenge' ||
  Object.values(feeds).some(({ action }) => action === 'challenge');
