/**
 * One server of an upstream: its streams, its health, its checks and its counters. It lives as long as
 * a configuration names it with the same settings, so a reload keeps connections and what is known.
 */
import { monotonicMs } from '#core/clock.ts';
import type { Dialer } from './dialer.ts';
import type { HealthCheck } from './health-check.ts';
import type { ServerHealth } from './server-health.ts';
import type { ServerMetrics } from './upstream-metrics.ts';
import type { UpstreamPool } from './upstream-pool.ts';

export class UpstreamServer {
  readonly url: string;
  /** What a Host field for it says. */
  readonly authority: string;
  /** For what is no HTTP: a connection passed through. */
  readonly dialer: Dialer;
  readonly pool: UpstreamPool;
  readonly health: ServerHealth;
  readonly metrics: ServerMetrics;
  /** Answers with these statuses count as failed. */
  readonly failureStatuses: readonly number[];
  readonly #check: HealthCheck | null;
  #isLive = false;

  constructor(parts: {
    readonly url: string;
    readonly authority: string;
    readonly dialer: Dialer;
    readonly pool: UpstreamPool;
    readonly health: ServerHealth;
    readonly metrics: ServerMetrics;
    readonly failureStatuses: readonly number[];
    readonly check: HealthCheck | null;
  }) {
    this.url = parts.url;
    this.authority = parts.authority;
    this.dialer = parts.dialer;
    this.pool = parts.pool;
    this.health = parts.health;
    this.metrics = parts.metrics;
    this.failureStatuses = parts.failureStatuses;
    this.#check = parts.check;
  }

  /** Requests it has in hand, those that wait for a connection included. */
  get inFlight(): number {
    return this.metrics.open.value;
  }

  /** The configuration that names it is live: checks begin. */
  start(): void {
    if (this.#isLive) return;
    this.#isLive = true;
    this.#check?.start();
  }

  /** Brings the gauges up to now. */
  measure(): void {
    const { openCount, connectsTotal, waitsTotal, delayedTotal } = this.pool;
    this.metrics.connections.value = openCount;
    this.metrics.connects.value = connectsTotal;
    this.metrics.waits.value = waitsTotal;
    this.metrics.connectsDelayed.value = delayedTotal;
    this.metrics.show(this.health.state(monotonicMs()));
  }

  retire(): void {
    this.#check?.stop();
    this.pool.retire();
  }
}
