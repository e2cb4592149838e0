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
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import type { Forwarding } from '../forward-request.ts';
import { type Framing, framing } from '../http1/body-decoder.ts';
import type { BodyPiece } from '../http1/body-piece.ts';
import { encodeBody } from '../http1/encode-body.ts';
import type { ProxyMetrics } from '../proxy-metrics.ts';
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
  readonly responseMs: number;
  readonly sendMs: number;
  readonly tunnelIdleMs: number;
  /** The server can take the rest of the request body. */
  onUpstreamReady(): void;
  onUpstreamDrain(): void;
  onInformational(view: ResponseView): void;
  onResponse(view: ResponseView, bodyFraming: Framing, piece: BodyPiece): void;
  onResponseBody(piece: BodyPiece): void;
  onTunnel(view: ResponseView, first: Buffer): void;
  onTunnelData(bytes: Buffer): void;
  onTunnelEnd(): void;
  /** Nothing more comes. `status` is the answer, where none has begun. */
  onUpstreamFailed(status: number, reason: string): void;
}

/** Servers tried for one request, the first included. */
const attemptsMax = 3;
/** RFC 9110 section 9.2.2, without TRACE, which is not served. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const failureStatus = {
  connect: 502,
  'connect-timeout': 504,
  timeout: 504,
  closed: 502,
  protocol: 502,
} as const;
const noBytes = Buffer.alloc(0);

export class UpstreamCall implements ResponseReceiver, UpstreamRequest, StreamTaker {
  readonly view: RequestView;
  readonly forwarding: Forwarding;
  body: Buffer;
  readonly last: boolean;
  readonly #caller: UpstreamCaller;
  readonly #group: UpstreamGroup;
  readonly #metrics: ProxyMetrics;
  #server: UpstreamServer | null = null;
  #stream: UpstreamStream | null = null;
  #waiting = false;
  #attempts = 0;
  /** What was sent so far is held in `body`, so it can be sent again. */
  #held = true;
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
    this.last = piece.last;
  }

  /** The server last tried. */
  get url(): string {
    return this.#server?.url ?? '';
  }

  get isHead(): boolean {
    return this.#caller.isHead;
  }

  get isUpgrade(): boolean {
    return this.forwarding.isUpgrade;
  }

  get responseMs(): number {
    return this.#caller.responseMs;
  }

  get sendMs(): number {
    return this.#caller.sendMs;
  }

  get tunnelIdleMs(): number {
    return this.#caller.tunnelIdleMs;
  }

  start(): void {
    this.#attempts++;
    const server = this.#group.pick();
    this.#server = server;
    const stream = server.acquire(this, this.#attempts > 1);
    if (stream === false) this.#waiting = true;
    else this.#take(stream);
  }

  onStream(stream: UpstreamStream | null): void {
    this.#waiting = false;
    this.#take(stream);
  }

  #take(stream: UpstreamStream | null): void {
    if (stream === null) {
      this.#metrics.upstreamFailures.busy.value++;
      this.#caller.onUpstreamFailed(503, 'no upstream connection free');
      return;
    }
    this.#stream = stream;
    stream.send(this, this);
    if (stream.isConnected) this.onConnected();
  }

  // ── from the exchange ─────────────────────────────────────────────────────────────────────────────

  /** False asks to wait for `onUpstreamDrain`. What comes after the end of the response is dropped. */
  sendBody(piece: BodyPiece): boolean {
    if (this.#stream === null) return true;
    this.#letGo();
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
    this.#letGo();
    if (this.#waiting) this.#server?.cancel(this);
    this.#waiting = false;
    this.#stream?.abort();
    this.#stream = null;
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
    this.#letGo();
    if (piece.last) this.#stream = null;
    this.#caller.onResponse(view, bodyFraming, piece);
  }

  onResponseBody(piece: BodyPiece): void {
    if (piece.last) this.#stream = null;
    this.#caller.onResponseBody(piece);
  }

  onTunnel(view: ResponseView, first: Buffer): void {
    this.#letGo();
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
    this.#stream = null;
    // Both sides of a tunnel have ended: what is still to be written to the client is its connection's.
    if (this.#tunnelEnded) return;
    this.#metrics.upstreamFailures[failure.kind].value++;
    if (this.#mayRetry(failure)) {
      this.#metrics.upstreamRetries.value++;
      this.start();
      return;
    }
    this.#caller.onUpstreamFailed(failureStatus[failure.kind], failure.reason);
  }

  /**
   * Nothing reached the origin when the connection was never made. When a reused connection was closed
   * under the request, only an idempotent request that is held whole may be sent again (RFC 9110, 9.2.2).
   */
  #mayRetry(failure: UpstreamFailure): boolean {
    if (!this.#held || this.#attempts >= attemptsMax) return false;
    if (failure.kind === 'connect') return this.#attempts < this.#group.servers.length;
    if (failure.kind !== 'closed' || !failure.reused || !this.last) return false;
    const { bytes, start, methodEnd } = this.view;
    return idempotent.has(bytes.toString('latin1', start, methodEnd));
  }

  #letGo(): void {
    this.#held = false;
    this.body = noBytes;
  }
}
