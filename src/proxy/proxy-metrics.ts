/** Everything the data plane counts. Names are documented in `docs/reference/metrics.md`. */
import type { Histogram, MetricRegistry, Series } from '#telemetry/metrics.ts';
import { ChallengeMetrics } from './challenge/challenge-metrics.ts';
import { ConnectionMetrics } from './connection-metrics.ts';
import { Http2Metrics } from './http2/http2-metrics.ts';
import { ModuleSeriesTable } from './module-series-table.ts';
import { serverFamilies } from './upstream/upstream-metrics.ts';
import type { UpstreamFailure } from './upstream/upstream-stream.ts';

export type Protocol = 'HTTP/0.9' | 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2.0';
export type Outcome = 'forwarded' | 'blocked' | 'refused' | 'failed' | 'aborted' | 'answered';

const durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const wafBounds = [
  0.000002, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025,
];

export class ProxyMetrics {
  readonly registry: MetricRegistry;
  readonly outcomes: Readonly<Record<Outcome, Series>>;
  readonly protocols: Readonly<Record<Protocol, Series>>;
  readonly http2: Http2Metrics;
  readonly monitored: Series;
  readonly duration: Histogram;
  readonly wafDuration: Histogram;
  readonly connections: ConnectionMetrics;
  readonly challenges: ChallengeMetrics;
  readonly modules: ModuleSeriesTable;
  readonly acmeProofs: Readonly<Record<'http-01' | 'tls-alpn-01', Series>>;
  readonly bytesReceived: Series;
  readonly bytesSent: Series;
  readonly upstreamFailures: Readonly<
    Record<Exclude<UpstreamFailure['kind'], 'silent'> | 'busy' | 'unhealthy', Series>
  >;
  readonly upstreamRetries: Series;
  readonly upstreamRetriesRefused: Series;
  readonly upstreamOpen: Series;
  readonly tunnelsOpen: Series;
  readonly logDropped: Series;
  readonly blockEntries: Series;
  readonly #statuses: (Series | undefined)[] = [];
  readonly #limits = new Map<string, Series>();

  constructor(registry: MetricRegistry) {
    this.registry = registry;
    this.modules = new ModuleSeriesTable(registry);
    registry.family(responses);
    registry.family(limitsReached);
    const outcome = (value: Outcome) =>
      registry.counter('weir_requests_total', 'Requests by what became of them.', {
        outcome: value,
      });
    this.outcomes = {
      forwarded: outcome('forwarded'),
      blocked: outcome('blocked'),
      answered: outcome('answered'),
      refused: outcome('refused'),
      failed: outcome('failed'),
      aborted: outcome('aborted'),
    };
    const spoken = (protocol: Protocol) =>
      registry.counter(
        'weir_requests_by_protocol_total',
        'Requests by the protocol they came in.',
        {
          protocol,
        },
      );
    this.protocols = {
      'HTTP/0.9': spoken('HTTP/0.9'),
      'HTTP/1.0': spoken('HTTP/1.0'),
      'HTTP/1.1': spoken('HTTP/1.1'),
      'HTTP/2.0': spoken('HTTP/2.0'),
    };
    this.http2 = new Http2Metrics(registry);
    this.monitored = registry.counter(
      'weir_requests_monitored_total',
      'Requests that a rule in monitor mode would have stopped, and that nothing else stopped.',
    );
    this.duration = registry.histogram(
      'weir_request_duration_seconds',
      'From the head of a request to the end of its response.',
      durationBounds,
    );
    this.wafDuration = registry.histogram(
      'weir_waf_duration_seconds',
      'Time a request spent in rule modules.',
      wafBounds,
    );
    this.connections = new ConnectionMetrics(registry);
    this.challenges = new ChallengeMetrics(registry);
    const proof = (challenge: 'http-01' | 'tls-alpn-01') =>
      registry.counter(
        'weir_acme_proofs_total',
        'Live ACME challenges answered to who asked, by kind.',
        { challenge },
      );
    this.acmeProofs = { 'http-01': proof('http-01'), 'tls-alpn-01': proof('tls-alpn-01') };
    this.bytesReceived = registry.counter(
      'weir_request_body_bytes_total',
      'Request body payload received.',
    );
    this.bytesSent = registry.counter(
      'weir_response_body_bytes_total',
      'Response body payload sent.',
    );
    const failure = (reason: UpstreamFailure['kind'] | 'busy' | 'unhealthy') =>
      registry.counter('weir_upstream_failures_total', 'Requests an upstream failed, by reason.', {
        reason,
      });
    this.upstreamFailures = {
      connect: failure('connect'),
      'connect-timeout': failure('connect-timeout'),
      timeout: failure('timeout'),
      closed: failure('closed'),
      protocol: failure('protocol'),
      unprocessed: failure('unprocessed'),
      busy: failure('busy'),
      unhealthy: failure('unhealthy'),
    };
    this.upstreamRetries = registry.counter(
      'weir_upstream_retries_total',
      'Requests sent again on another connection.',
    );
    this.upstreamRetriesRefused = registry.counter(
      'weir_upstream_retries_refused_total',
      'Requests not sent again because the retry budget was used up.',
    );
    this.upstreamOpen = registry.gauge(
      'weir_upstream_connections_open',
      'Connections to upstream servers.',
    );
    for (const family of Object.values(serverFamilies)) registry.family(family);
    this.tunnelsOpen = registry.gauge('weir_tunnels_open', 'Upgraded connections.');
    this.logDropped = registry.counter(
      'weir_access_log_dropped_total',
      'Access lines dropped because the log could not be written fast enough.',
    );
    this.blockEntries = registry.gauge(
      'weir_block_entries_enforced',
      'Block list entries in force, summed over workers.',
    );
  }

  /** A limit was reached, or a rule of the protocol broken. `reason` is a constant of the code, never input. */
  limitReached(reason: string): void {
    let series = this.#limits.get(reason);
    if (series === undefined) {
      series = this.registry.counter(limitsReached.name, limitsReached.help, { reason });
      this.#limits.set(reason, series);
    }
    series.value++;
  }

  /** Responses by status code: at most 500 series. */
  status(code: number): Series {
    let series = this.#statuses[code];
    if (series === undefined) {
      series = this.registry.counter(responses.name, responses.help, { code: String(code) });
      this.#statuses[code] = series;
    }
    return series;
  }
}

/** Its series are made as codes are seen. */
const responses = {
  name: 'weir_responses_total',
  type: 'counter',
  help: 'Responses to clients by status code.',
} as const;

/** The same: a series a reason. */
const limitsReached = {
  name: 'weir_limits_reached_total',
  type: 'counter',
  help: 'Requests refused or cut by the edge itself, by the limit or rule they met.',
} as const;
