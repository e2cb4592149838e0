/**
 * How the upstreams are, for `weir status`: each worker sees for itself, and its samples say what it
 * sees, so the sums say how many workers see a server in which state.
 */
import type { UpstreamServerState, UpstreamStatus } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';
import { serverFamilies } from '#proxy/upstream/upstream-metrics.ts';
import { type MetricSamples, seriesKey } from '#telemetry/metrics.ts';
import type { ServerReasons } from './server-reasons.ts';

/** From bad to good: the worst that a worker sees is what is said of a server. */
const states = ['unhealthy', 'open', 'trial', 'starting', 'healthy'] as const;
const isWell = (state: UpstreamServerState): boolean => state === 'healthy' || state === 'starting';
const isOut = (state: UpstreamServerState): boolean => state === 'unhealthy' || state === 'open';

export function upstreamStatus(
  config: Config,
  samples: MetricSamples,
  reasons: ServerReasons,
): UpstreamStatus[] {
  return Object.entries(config.upstreams).map(([name, { protocol, balance, servers, health }]) => ({
    name,
    protocol,
    balance,
    isChecked: health !== undefined,
    servers: servers.map(({ url, weight }) => {
      const value = (
        family: { readonly name: string },
        more: Readonly<Record<string, string>> = {},
      ): number =>
        samples.get(seriesKey(family.name, { upstream: name, server: url, ...more })) ?? 0;
      const seen = states
        .map((state) => ({ state, workers: value(serverFamilies.workers, { state }) }))
        .filter(({ workers }) => workers > 0);
      return {
        url,
        weight,
        state: seen[0]?.state ?? null,
        seen,
        inFlight: value(serverFamilies.open),
        connections: value(serverFamilies.connections),
        requests: value(serverFamilies.requests),
        failures: value(serverFamilies.failures),
        reason: seen.every(({ state }) => isWell(state)) ? null : reasons.of(name, url),
      };
    }),
  }));
}

/** What of it stands among the things that are not as they should be. */
export function degradedUpstreams(
  config: Config,
  upstreams: readonly UpstreamStatus[],
): { part: string; reason: string }[] {
  return upstreams.flatMap(({ name, servers }) => {
    const part = `upstream ${name}`;
    const reasons: string[] = [];
    if (config.upstreams[name]?.tls?.verify === false)
      reasons.push(
        'certificates are not verified (tls.verify: false); name the authority with tls.ca instead',
      );
    const out = servers.filter(({ state }) => state !== null && isOut(state));
    if (out.length > 0) reasons.push(outText(out, servers.length));
    return reasons.map((reason) => ({ part, reason }));
  });
}

/** One reason is enough for a line: servers that are out together mostly are for the same. */
function outText(out: UpstreamStatus['servers'], all: number): string {
  const why = out.find(({ reason }) => reason !== null)?.reason ?? null;
  const count = `${out.length} of ${all} ${all === 1 ? 'server' : 'servers'} out`;
  return why === null ? count : `${count} (${why})`;
}
