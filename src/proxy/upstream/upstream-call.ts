/**
 * The upstream half of an exchange: picks a server, waits for a stream, sends, and tries again where
 * that is safe. It knows no protocol and no client.
 *
 * ```
 * start ─► pick ─► stream ─► send ─► response ─► done
 *            ▲      │ wait     │ failed
 *            └──────┴──────────┴─► again? ─no─► onUpstreamFailed(status)
 * ```
 */
import { turnMs } from '#core/clock.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import type { AskedTunnel } from '../asked-tunnel.ts';
import type { Forwarding } from '../forward-request.ts';
import { type Framing, framing } from '../http1/body-decoder.ts';
import type { BodyPiece } from '../http1/body-piece.ts';
import { encodeBody } from '../http1/encode-body.ts';
import type { ProxyMetrics } from '../proxy-metrics.ts';
import type { RouteTimeouts } from '../snapshot.ts';
import { RequestTrailers } from './request-trailers.ts';
import type { UpstreamGroup } from './upstream-group.ts';
import type { UpstreamServer } from './upstream-server.ts';
import type {
  ResponseReceiver,
  StreamTaker,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamStream,
} from './upstream-stream.ts';

/** The exchange, as the call needs it. */
export interface UpstreamCaller {
  readonly isHead: boolean;
  readonly timeouts: RouteTimeouts;
  /** The server can take the rest of the request body. */
  onUpstreamReady(): void;
  onUpstreamDrain(): void;
  onInformational(view: ResponseView): void;
  onResponse(view: ResponseView, bodyFraming: Framing, piece: BodyPiece): void;
  onResponseBody(piece: BodyPiece): void;
  onTunnel(view: ResponseView, first: Buffer): void;
  onTunnelData(bytes: Buffer): void;
  onTunnelEnd(): void;
  /** Nothing more comes. `status` is the answer, where none has begun; a 503 says when to come again. */
  onUpstreamFailed(status: number, reason: string, retryAfterSeconds: number): void;
}

/** RFC 9110 section 9.2.2, without TRACE, which is not served. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const failureStatus = {
  connect: 502,
  'connect-timeout': 504,
  timeout: 504,
  closed: 502,
  protocol: 502,
  unprocessed: 502,
  silent: 504,
} as const;
const noBytes = Buffer.alloc(0);
const noServers: readonly UpstreamServer[] = [];

export class UpstreamCall implements ResponseReceiver, UpstreamRequest, StreamTaker {
  readonly view: RequestView;
  readonly forwarding: Forwarding;
  body: Buffer;
  authority = '';
  readonly trailers: Buffer;
  readonly trailerNames: string;
  readonly last: boolean;
  /** Null where none go on. */
  readonly #trailers: RequestTrailers | null;
  readonly #caller: UpstreamCaller;
  readonly #group: UpstreamGroup;
  readonly #metrics: ProxyMetrics;
  #server: UpstreamServer | null = null;
  /** Servers tried before the present one. */
  #tried: readonly UpstreamServer[] = noServers;
  #stream: UpstreamStream | null = null;
  /** What the server's health goes by; said back once, by `#judge`. */
  #token = 0;
  #judged = true;
  /** A kept connection was stale, so others are likely to be. */
  #wantsFresh = false;
  /** The server has the request to its end. */
  #sent = false;
  #inHand = false;
  #waiting = false;
  #attempts = 0;
  /** What was sent so far is held in `body`, so it can be sent again. */
  #held = true;
  #responded = false;
  #tunnelEnded = false;

  /** `piece` is valid during the call only. */
  constructor(
    caller: UpstreamCaller,
    group: UpstreamGroup,
    metrics: ProxyMetrics,
    view: RequestView,
    forwarding: Forwarding,
    piece: BodyPiece,
  ) {
    this.#caller = caller;
    this.#group = group;
    this.#metrics = metrics;
    this.view = view;
    this.forwarding = forwarding;
    this.body = piece.size === 0 ? noBytes : encodeBody(piece, framing.length);
    const trailers = group.takesTrailers ? new RequestTrailers(view) : null;
    this.#trailers = trailers;
    this.trailers = piece.last && trailers !== null ? trailers.of(piece) : noBytes;
    this.trailerNames = trailers?.names(piece.last ? this.trailers : null) ?? '';
    this.last = piece.last;
    this.#sent = piece.last;
  }

  /** The server last tried. */
  get url(): string {
    return this.#server?.url ?? '';
  }

  get isHead(): boolean {
    return this.#caller.isHead;
  }

  get mayTrail(): boolean {
    return this.#trailers !== null && (!this.last || this.trailers.length > 0);
  }

  get tunnel(): AskedTunnel {
    return this.forwarding.tunnel;
  }

  get responseMs(): number {
    return this.#caller.timeouts.responseMs;
  }

  get sendMs(): number {
    return this.#caller.timeouts.sendMs;
  }

  get tunnelIdleMs(): number {
    return this.#caller.timeouts.tunnelIdleMs;
  }

  start(): void {
    const now = turnMs();
    if (this.#attempts++ === 0) this.#group.budget.onRequest(now);
    const server = this.#group.pick(this.forwarding.client, this.#tried, now);
    if (server === null) {
      this.#metrics.upstreamFailures.unhealthy.value++;
      const seconds = this.#group.retryAfterSeconds(now);
      this.#caller.onUpstreamFailed(503, 'no healthy upstream server', seconds);
      return;
    }
    this.#server = server;
    this.authority = this.#group.authorityFor(server);
    this.#token = server.health.begin(now);
    this.#judged = false;
    this.#inHand = true;
    server.metrics.requests.value++;
    server.metrics.open.value++;
    const stream = server.pool.acquire(this, this.#wantsFresh);
    if (stream === false) this.#waiting = true;
    else this.#take(stream);
  }

  onStream(stream: UpstreamStream | null): void {
    this.#waiting = false;
    this.#take(stream);
  }

  #take(stream: UpstreamStream | null): void {
    if (stream === null) {
      this.#leaveServer();
      this.#metrics.upstreamFailures.busy.value++;
      this.#caller.onUpstreamFailed(503, 'no upstream connection free', 1);
      return;
    }
    this.#stream = stream;
    stream.send(this, this);
    if (stream.isConnected) this.onConnected();
  }

  /** What the attempt says of the server; the first word counts. */
  #judge(succeeded: boolean, reason: string): void {
    const server = this.#server;
    if (this.#judged || server === null) return;
    this.#judged = true;
    if (succeeded) server.health.succeeded(this.#token, turnMs());
    else {
      server.metrics.failures.value++;
      server.health.failed(this.#token, turnMs(), reason);
    }
  }

  /** The attempt is over. Where nothing was said of the server, it said nothing. */
  #leaveServer(): void {
    const server = this.#server;
    if (!this.#inHand || server === null) return;
    this.#inHand = false;
    server.metrics.open.value--;
    if (this.#judged) return;
    this.#judged = true;
    server.health.abandoned(this.#token);
  }

  // ── from the exchange ─────────────────────────────────────────────────────────────────────────────

  /** False asks to wait for `onUpstreamDrain`. What comes after the end of the response is dropped. */
  sendBody(piece: BodyPiece): boolean {
    if (this.#stream === null) return true;
    this.#letGo();
    this.#sent = piece.last;
    if (piece.last) piece.trailers = this.#trailers?.of(piece) ?? noBytes;
    return this.#stream.sendBody(piece);
  }

  sendTunnel(bytes: Buffer): boolean {
    return this.#stream?.sendTunnel(bytes) ?? true;
  }

  endTunnel(): void {
    this.#stream?.endTunnel();
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  /** Nothing more is wanted: leaves the queue, and ends what is under way. */
  abort(): void {
    if (!this.#inHand) return;
    this.#letGo();
    if (this.#waiting) this.#server?.pool.cancel(this);
    this.#waiting = false;
    this.#stream?.abort();
    this.#stream = null;
    // A server that answers is well, also when the client has heard enough.
    if (this.#responded) this.#judge(true, '');
    this.#leaveServer();
  }

  // ── from the stream ───────────────────────────────────────────────────────────────────────────────

  onConnected(): void {
    if (!this.last) this.#caller.onUpstreamReady();
  }

  onUpstreamDrain(): void {
    this.#caller.onUpstreamDrain();
  }

  onInformational(view: ResponseView): void {
    this.#caller.onInformational(view);
  }

  onResponse(view: ResponseView, bodyFraming: Framing, piece: BodyPiece): void {
    const server = this.#server as UpstreamServer;
    const { status } = view;
    if (status >= 500 && server.failureStatuses.includes(status))
      this.#judge(false, `status ${status}`);
    if (status >= 502 && status <= 504 && this.#mayRetryStatus(status)) {
      if (!piece.last) this.#stream?.abort();
      this.#again();
      return;
    }
    this.#letGo();
    this.#responded = true;
    // On trial the head decides: a response without end must not hold up the server's return.
    if (server.health.isOnTrial) this.#judge(true, '');
    if (piece.last) this.#end();
    this.#caller.onResponse(view, bodyFraming, piece);
  }

  onResponseBody(piece: BodyPiece): void {
    if (piece.last) this.#end();
    this.#caller.onResponseBody(piece);
  }

  /** The response has ended well. */
  #end(): void {
    this.#stream = null;
    this.#judge(true, '');
    this.#leaveServer();
  }

  onTunnel(view: ResponseView, first: Buffer): void {
    this.#letGo();
    this.#responded = true;
    this.#judge(true, '');
    this.#caller.onTunnel(view, first);
  }

  onTunnelData(bytes: Buffer): void {
    this.#caller.onTunnelData(bytes);
  }

  onTunnelEnd(): void {
    this.#tunnelEnded = true;
    this.#caller.onTunnelEnd();
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    this.#waiting = false;
    this.#stream = null;
    const { kind, reason } = failure;
    // Both sides of a tunnel have ended: what is still to be written to the client is its connection's.
    if (this.#tunnelEnded) {
      this.#leaveServer();
      return;
    }
    if (kind === 'silent') this.#metrics.limitReached(reason);
    else this.#metrics.upstreamFailures[kind].value++;
    this.#wantsFresh ||= kind === 'closed';
    // A kept connection that the server has closed, or a stream it has not begun, says nothing of its
    // health. Nor does a server that gives up on a body: else clients that send one slowly, or one that
    // is not wanted, would take the server from everybody. A response that stalls under way may as well
    // be our own load, or clients that read slowly.
    const isNoFault = this.#responded
      ? kind === 'timeout' || kind === 'silent'
      : kind === 'unprocessed' || (kind === 'closed' && (failure.reused || !this.#sent));
    if (!isNoFault) this.#judge(false, reason);
    if (this.#mayRetry(failure)) {
      this.#again();
      return;
    }
    this.#leaveServer();
    this.#caller.onUpstreamFailed(failureStatus[kind], reason, 1);
  }

  /** On to the next server, or to a fresh connection where there is no other. */
  #again(): void {
    this.#leaveServer();
    this.#stream = null;
    this.#tried = [...this.#tried, this.#server as UpstreamServer];
    this.#metrics.upstreamRetries.value++;
    this.start();
  }

  /**
   * Sent again is only what is held whole or was never sent: nothing reached a server to which no
   * connection was made, and one that says so has not processed the request. Everything else may have
   * been acted on, so the method must be idempotent (RFC 9110 section 9.2.2).
   */
  #mayRetry(failure: UpstreamFailure): boolean {
    const { retries } = this.#group;
    if (!this.#held || this.#attempts > retries.max) return false;
    switch (failure.kind) {
      case 'connect':
        return retries.on.includes('connect') && this.#hasOther() && this.#hasBudget();
      case 'connect-timeout':
        return retries.on.includes('timeout') && this.#hasOther() && this.#hasBudget();
      case 'timeout':
        return (
          retries.on.includes('timeout') &&
          this.#isRepeatable() &&
          this.#hasOther() &&
          this.#hasBudget()
        );
      case 'unprocessed':
        return retries.on.includes('closed') && this.last && this.#hasBudget();
      case 'closed':
        return (
          retries.on.includes('closed') &&
          failure.reused &&
          this.#isRepeatable() &&
          this.#hasBudget()
        );
      case 'protocol':
      case 'silent':
        return false;
    }
  }

  #mayRetryStatus(status: number): boolean {
    const { retries } = this.#group;
    return (
      retries.statuses.includes(status) &&
      this.#held &&
      this.#attempts <= retries.max &&
      this.#isRepeatable() &&
      this.#hasOther() &&
      this.#hasBudget()
    );
  }

  #isRepeatable(): boolean {
    const { bytes, start, methodEnd } = this.view;
    return this.last && idempotent.has(bytes.toString('latin1', start, methodEnd));
  }

  #hasOther(): boolean {
    const tried = [...this.#tried, this.#server as UpstreamServer];
    return this.#group.hasOther(tried, turnMs());
  }

  /** Asked last: saying yes uses it up. */
  #hasBudget(): boolean {
    if (this.#group.budget.take(turnMs())) return true;
    this.#metrics.upstreamRetriesRefused.value++;
    return false;
  }

  #letGo(): void {
    this.#held = false;
    this.body = noBytes;
  }
}
