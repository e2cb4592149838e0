/** What is counted of connections, before and beside their requests. */
import { knownCiphers } from '#config/tls-names.ts';
import type { Histogram, MetricRegistry, Series } from '#telemetry/metrics.ts';
import { type HandshakeFailure, handshakeFailures } from './tls/handshake-failure.ts';

export const refusedConnections = [
  /** On the block list. */
  'blocked',
  /** More than `connectionsMax`. */
  'limit',
  /** More than `connectionsPerSecondMax`. */
  'rate',
  /** More than `addressConnectionsMax` from its address. */
  'address-limit',
  /** More than `handshakesMax` TLS handshakes under way. */
  'handshakes',
  /** More than `addressHandshakesPerSecondMax` from its address. */
  'handshake-rate',
  /** No PROXY header where there must be one, or a peer that may not send it. */
  'proxy-header',
] as const;

export const timedOutConnections = [
  /** Said nothing for `idleMs`, or for `headMs` before its first request. */
  'idle',
  /** Passed through by TCP, and silent for `tcp.idleMs`. */
  'tcp-idle',
  /** Not finished `drainMs` after its worker began to drain. */
  'drain',
] as const;

export type TimedOutConnection = (typeof timedOutConnections)[number];

export type RefusedConnection = (typeof refusedConnections)[number];

const handshakeBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class ConnectionMetrics {
  readonly #registry: MetricRegistry;
  readonly open: Series;
  readonly total: Series;
  readonly refused: Readonly<Record<RefusedConnection, Series>>;
  readonly timedOut: Readonly<Record<TimedOutConnection, Series>>;
  readonly paused: Series;
  readonly monitored: Series;
  readonly hitsLost: Series;
  readonly lastRequest: Series;
  readonly handshakesFailed: Readonly<Record<HandshakeFailure, Series>>;
  readonly handshakesOpen: Series;
  readonly handshakeDuration: Histogram;
  readonly sessionsResumed: Series;
  readonly requestsShed: Series;
  readonly shedding: Series;
  readonly tcpOpen: Series;
  readonly tcpFailed: Series;
  readonly tcpReceived: Series;
  readonly tcpSent: Series;
  readonly #handshakes = new Map<string, Series>();

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
    registry.family(handshakesDone);
    this.open = registry.gauge('weir_connections_open', 'Client connections.');
    this.total = registry.counter('weir_connections_total', 'Client connections accepted.');
    this.refused = byReason(refusedConnections, (reason) =>
      registry.counter('weir_connections_refused_total', 'Client connections closed unheard.', {
        reason,
      }),
    );
    this.timedOut = byReason(timedOutConnections, (limit) =>
      registry.counter(
        'weir_connections_timed_out_total',
        'Client connections closed by a limit of time that no request was told of, by limit.',
        { limit },
      ),
    );
    this.paused = registry.counter(
      'weir_connections_paused_total',
      'Times a client was not read for a while, as it had sent ahead as many bytes as are kept.',
    );
    this.monitored = registry.counter(
      'weir_block_monitored_total',
      'Connections of addresses that the block list only watches, and requests of those behind a trusted proxy.',
    );
    this.hitsLost = registry.counter(
      'weir_block_hits_lost_total',
      'Refusals and sightings that were not counted by entry of the block list: too many entries in one second.',
    );
    this.lastRequest = registry.counter(
      'weir_connections_request_limit_total',
      'Client connections closed after as many requests as one may carry.',
    );
    this.handshakesFailed = byReason(handshakeFailures, (reason) =>
      registry.counter(
        'weir_tls_handshakes_failed_total',
        'TLS handshakes that did not come about, by reason.',
        { reason },
      ),
    );
    this.handshakesOpen = registry.gauge('weir_tls_handshakes_open', 'TLS handshakes under way.');
    this.handshakeDuration = registry.histogram(
      'weir_tls_handshake_duration_seconds',
      'From accept to the end of the TLS handshake.',
      handshakeBounds,
    );
    this.sessionsResumed = registry.counter(
      'weir_tls_sessions_resumed_total',
      'TLS handshakes that resumed a session.',
    );
    this.requestsShed = registry.counter(
      'weir_requests_shed_total',
      'Requests answered 503 because the worker was overloaded.',
    );
    this.shedding = registry.gauge('weir_load_shedding', 'Workers that are turning requests away.');
    this.tcpOpen = registry.gauge(
      'weir_tcp_connections_open',
      'Connections passed through by TCP.',
    );
    this.tcpFailed = registry.counter(
      'weir_tcp_upstream_failures_total',
      'TCP connections closed because the upstream could not be reached.',
    );
    this.tcpReceived = registry.counter(
      'weir_tcp_received_bytes_total',
      'Bytes passed from clients to upstreams by TCP.',
    );
    this.tcpSent = registry.counter(
      'weir_tcp_sent_bytes_total',
      'Bytes passed from upstreams to clients by TCP.',
    );
  }

  /** By version and suite, both from tables: at most 40 series. */
  handshakes(version: string, cipher: string): Series {
    const name = knownCiphers.includes(cipher) ? cipher : 'other';
    const spoken = version === 'TLSv1.3' ? '1.3' : '1.2';
    const key = `${spoken} ${name}`;
    let series = this.#handshakes.get(key);
    if (series === undefined) {
      const labels = { version: spoken, cipher: name };
      series = this.#registry.counter(handshakesDone.name, handshakesDone.help, labels);
      this.#handshakes.set(key, series);
    }
    return series;
  }
}

/** Its series are made as suites are seen. */
const handshakesDone = {
  name: 'weir_tls_handshakes_total',
  type: 'counter',
  help: 'TLS handshakes completed, by version and cipher suite.',
} as const;

function byReason<R extends string>(
  reasons: readonly R[],
  make: (reason: R) => Series,
): Readonly<Record<R, Series>> {
  return Object.fromEntries(reasons.map((reason) => [reason, make(reason)])) as Record<R, Series>;
}
