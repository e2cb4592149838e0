/**
 * Servers outlive configurations: a reload that keeps a server with its settings keeps its connections,
 * its health and its counters.
 */
import { createHash } from 'node:crypto';
import type { Config } from '#config/schema.ts';
import type { Upstream } from '#config/upstream-schema.ts';
import { parseUpstreamUrl } from '#config/upstream-url.ts';
import { assert } from '#core/assert.ts';
import type { DeadlineTable } from '#core/deadline-table.ts';
import type { MetricRegistry } from '#telemetry/metrics.ts';
import { Dialer, type TlsMaterial } from './dialer.ts';
import { HealthCheck } from './health-check.ts';
import { Http1Pool } from './http1-pool.ts';
import { Http2Pool } from './http2-pool.ts';
import { ServerHealth, type ServerState } from './server-health.ts';
import { UpstreamGroup } from './upstream-group.ts';
import { ServerMetrics } from './upstream-metrics.ts';
import { UpstreamServer } from './upstream-server.ts';

/** The files of `upstreams.NAME.tls`, read where the configuration was loaded; null for one not named. */
export type UpstreamFiles = {
  readonly upstream: string;
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
};

/** A server has changed its state, as this worker sees it. */
export type ServerChange = {
  readonly upstream: string;
  readonly server: string;
  readonly state: ServerState;
  readonly reason: string;
};

export class UpstreamRegistry {
  readonly #servers = new Map<string, UpstreamServer>();
  readonly #deadlines: DeadlineTable;
  readonly #metrics: MetricRegistry;
  readonly #onChange: (change: ServerChange) => void;

  constructor(
    deadlines: DeadlineTable,
    metrics: MetricRegistry,
    onChange: (change: ServerChange) => void,
  ) {
    this.#deadlines = deadlines;
    this.#metrics = metrics;
    this.#onChange = onChange;
  }

  /** Builds the groups of a configuration beside the live one; known servers are shared, not changed. */
  prepare(config: Config, files: readonly UpstreamFiles[]): Map<string, UpstreamGroup> {
    const groups = new Map<string, UpstreamGroup>();
    for (const [name, upstream] of Object.entries(config.upstreams)) {
      const material = materialOf(upstream, files.find((one) => one.upstream === name) ?? null);
      const { connectMs } = config.edge.timeouts;
      // Weights, balancing, Host and retries are the group's; all else is the server's.
      const { servers: _, balance, host, noneHealthy, requestTrailers, retries, ...own } = upstream;
      const settings = createHash('sha256')
        .update(JSON.stringify([own, connectMs, material]))
        .digest('base64');
      const servers = upstream.servers.map(({ url }) => {
        const key = `${name} ${url} ${settings}`;
        const known = this.#servers.get(key);
        if (known !== undefined) return known;
        const made = this.#make(name, url, upstream, material, connectMs);
        this.#servers.set(key, made);
        return made;
      });
      const weights = upstream.servers.map(({ weight }) => weight);
      const { protocol } = upstream;
      groups.set(
        name,
        new UpstreamGroup(name, servers, {
          balance,
          host,
          noneHealthy,
          protocol,
          requestTrailers,
          retries,
          weights,
        }),
      );
    }
    return groups;
  }

  /** These groups are live: their servers are checked, and those no group uses any more are let go. */
  retain(groups: Iterable<UpstreamGroup>): void {
    const used = new Set<UpstreamServer>();
    for (const group of groups) for (const server of group.servers) used.add(server);
    for (const [key, server] of this.#servers) {
      if (used.has(server)) continue;
      this.#servers.delete(key);
      server.retire();
      server.metrics.forget();
    }
    for (const server of used) server.start();
  }

  /** Brings gauges up to now; the sum of open connections is the answer. */
  measure(): number {
    let open = 0;
    for (const server of this.#servers.values()) {
      server.measure();
      open += server.pool.openCount;
    }
    return open;
  }

  /** No further checks, and no idle connections; what was counted is still to be read. */
  close(): void {
    for (const server of this.#servers.values()) server.retire();
  }

  #make(
    upstream: string,
    url: string,
    settings: Upstream,
    material: TlsMaterial | null,
    connectMs: number,
  ): UpstreamServer {
    const address = parseUpstreamUrl(url);
    assert(address.ok, 'the configuration check has refused other addresses');
    const isHttp2 = settings.protocol === 'http2';
    const dialer = new Dialer(address, material, isHttp2 ? 'h2' : 'http/1.1');
    const limits = { ...settings, connectMs };
    const pool = isHttp2
      ? new Http2Pool(dialer, limits, this.#deadlines)
      : new Http1Pool(dialer, limits, this.#deadlines);
    const metrics = new ServerMetrics(this.#metrics, upstream, url);
    const health = new ServerHealth(
      {
        breaker: settings.breaker,
        checks: settings.health ?? null,
        slowStartMs: settings.slowStartMs,
      },
      (state, reason) => this.#onChange({ upstream, server: url, state, reason }),
    );
    const check =
      settings.health === undefined
        ? null
        : new HealthCheck(settings.health, address.authority, pool, health, metrics);
    return new UpstreamServer({
      url,
      authority: address.authority,
      dialer,
      pool,
      health,
      metrics,
      failureStatuses: settings.breaker.statuses,
      check,
    });
  }
}

function materialOf(upstream: Upstream, files: UpstreamFiles | null): TlsMaterial | null {
  const { tls } = upstream;
  if (tls === undefined) return null;
  return {
    ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
    verify: tls.verify,
    minVersion: tls.minVersion,
    ca: files?.ca ?? null,
    cert: files?.cert ?? null,
    key: files?.key ?? null,
  };
}
