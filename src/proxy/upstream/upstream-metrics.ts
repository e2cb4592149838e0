/** What is counted of each upstream server. Both labels come from the configuration. */
import type { MetricFamily, MetricRegistry, Series } from '#telemetry/metrics.ts';
import { type ServerState, serverStates } from './server-health.ts';

const family = (name: string, type: MetricFamily['type'], help: string): MetricFamily => ({
  name: `weir_upstream_server_${name}`,
  type,
  help,
});

export const serverFamilies = {
  requests: family('requests_total', 'counter', 'Requests sent to a server, retries included.'),
  failures: family('failures_total', 'counter', 'Requests a server failed.'),
  open: family('requests_open', 'gauge', 'Requests a server has in hand.'),
  connections: family('connections_open', 'gauge', 'Connections to a server.'),
  connects: family('connects_total', 'counter', 'Connections begun to a server.'),
  waits: family(
    'waits_total',
    'counter',
    'Requests that waited since all connections to a server, or streams, that there may be were in use.',
  ),
  connectsDelayed: family(
    'connects_delayed_total',
    'counter',
    'Requests that waited since upstreams.NAME.connectingMax connections were being made.',
  ),
  checks: family('checks_total', 'counter', 'Health checks of a server by result.'),
  workers: family('workers', 'gauge', 'Workers that see a server in a state.'),
} as const;

export class ServerMetrics {
  readonly requests: Series;
  readonly failures: Series;
  readonly open: Series;
  readonly connections: Series;
  readonly connects: Series;
  readonly waits: Series;
  readonly connectsDelayed: Series;
  readonly checksOk: Series;
  readonly checksFailed: Series;
  readonly #states: Readonly<Record<ServerState, Series>>;
  readonly #registry: MetricRegistry;
  readonly #labels: { readonly upstream: string; readonly server: string };

  constructor(registry: MetricRegistry, upstream: string, server: string) {
    this.#registry = registry;
    this.#labels = { upstream, server };
    this.requests = this.#series(serverFamilies.requests);
    this.failures = this.#series(serverFamilies.failures);
    this.open = this.#series(serverFamilies.open);
    this.connections = this.#series(serverFamilies.connections);
    this.connects = this.#series(serverFamilies.connects);
    this.waits = this.#series(serverFamilies.waits);
    this.connectsDelayed = this.#series(serverFamilies.connectsDelayed);
    this.checksOk = this.#series(serverFamilies.checks, { result: 'ok' });
    this.checksFailed = this.#series(serverFamilies.checks, { result: 'failed' });
    this.#states = {
      healthy: this.#series(serverFamilies.workers, { state: 'healthy' }),
      starting: this.#series(serverFamilies.workers, { state: 'starting' }),
      unhealthy: this.#series(serverFamilies.workers, { state: 'unhealthy' }),
      open: this.#series(serverFamilies.workers, { state: 'open' }),
      trial: this.#series(serverFamilies.workers, { state: 'trial' }),
    };
  }

  /** This worker sees the server so. */
  show(state: ServerState): void {
    for (const one of serverStates) this.#states[one].value = one === state ? 1 : 0;
  }

  /** The server is no longer configured: its series end, so that reloads do not pile them up. */
  forget(): void {
    for (const { name } of Object.values(serverFamilies)) this.#registry.forget(name, this.#labels);
  }

  #series({ name, type, help }: MetricFamily, more: Readonly<Record<string, string>> = {}): Series {
    const labels = { ...this.#labels, ...more };
    return type === 'gauge'
      ? this.#registry.gauge(name, help, labels)
      : this.#registry.counter(name, help, labels);
  }
}
