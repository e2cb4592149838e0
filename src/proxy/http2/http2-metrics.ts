/** What HTTP/2 counts beside requests. Labels are the names below, so series are bounded. */
import type { MetricRegistry, Series } from '#telemetry/metrics.ts';
import { type AllowanceName, allowances } from './limits.ts';

/** Why a request was malformed (RFC 9113 section 8.1.1). */
export const malformations = [
  'field-name',
  'field-value',
  'connection-field',
  'pseudo-field',
  'method',
  'scheme',
  'path',
  'authority',
  'content-length',
  'body-length',
  'trailers',
] as const;
export type Malformation = (typeof malformations)[number];

const endings = [
  ...(Object.keys(allowances) as AllowanceName[]),
  /** The client closed, or the worker drained. */
  'orderly',
  'idle',
  'protocol',
  'frame-size',
  'flow-control',
  'compression',
  'block-frames',
  'block-bytes',
  'unread-answers',
  'preface-time',
  'head-time',
  'send-time',
] as const;
export type SessionEnding = (typeof endings)[number];

export type StreamReset = 'client' | 'edge' | 'refused';

export class Http2Metrics {
  readonly sessionsOpen: Series;
  readonly sessionsTotal: Series;
  readonly streamsOpen: Series;
  readonly sessionsEnded: Readonly<Record<SessionEnding, Series>>;
  readonly resets: Readonly<Record<StreamReset, Series>>;
  readonly malformed: Readonly<Record<Malformation, Series>>;

  constructor(registry: MetricRegistry) {
    this.sessionsOpen = registry.gauge('weir_http2_sessions_open', 'HTTP/2 sessions of clients.');
    this.sessionsTotal = registry.counter('weir_http2_sessions_total', 'HTTP/2 sessions begun.');
    this.streamsOpen = registry.gauge('weir_http2_streams_open', 'HTTP/2 streams open.');
    this.sessionsEnded = labelled(endings, (reason) =>
      registry.counter('weir_http2_sessions_ended_total', 'HTTP/2 sessions ended, by reason.', {
        reason,
      }),
    );
    this.resets = labelled(['client', 'edge', 'refused'], (by) =>
      registry.counter(
        'weir_http2_streams_reset_total',
        'HTTP/2 streams reset: by the client, by the edge, or refused over the limit on streams.',
        { by },
      ),
    );
    this.malformed = labelled(malformations, (reason) =>
      registry.counter(
        'weir_http2_malformed_total',
        'HTTP/2 requests reset because they were malformed, by what was wrong.',
        { reason },
      ),
    );
  }
}

function labelled<K extends string>(
  names: readonly K[],
  make: (name: K) => Series,
): Readonly<Record<K, Series>> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<K, Series>;
}
