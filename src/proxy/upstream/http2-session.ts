/**
 * One HTTP/2 connection to an upstream server: made, filled with streams up to both sides' limits,
 * watched with PING, and let go after GOAWAY or when idle.
 *
 * ```
 * connecting ─► ready ─GOAWAY, out of ids─► leaving (streams finish) ─► closed
 *                 └─idle, no PING answer, error─────────────────────────► closed
 * ```
 *
 * It counts as ready when the server's SETTINGS are there: before them nobody knows how many streams
 * it takes.
 */
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type net from 'node:net';
import type { UpstreamHttp2 } from '#config/upstream-schema.ts';
import { monotonicMs } from '#core/clock.ts';
import type { DeadlineTable, Expiring } from '#core/deadline-table.ts';
import { responseHeadBytesMax, responseHeadersMax } from '#waf/response-bounds.ts';
import { type Dialer, refusesHttp2 } from './dialer.ts';
import { type Http2Origin, requestFields } from './http2-head.ts';
import { type Http2Carrier, Http2Stream } from './http2-stream.ts';
import type { PoolSettings } from './upstream-pool.ts';
import type { UpstreamFailure, UpstreamRequest } from './upstream-stream.ts';

const CONNECTING = 0;
const READY = 1;
const LEAVING = 2;
const CLOSED = 3;

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;
/** What a stream may send before we have read it, and all streams of a connection together. */
const streamWindowBytes = 262_144;
const sessionWindowBytes = 4_194_304;

export type Http2Settings = PoolSettings & { readonly http2: UpstreamHttp2 };

/** The pool, as a session needs it. */
export interface SessionOwner {
  onReady(session: Http2Session): void;
  /** A place is free. */
  onRoom(session: Http2Session): void;
  /** Gone; `failure` says why it was never ready, where that is so. */
  onClosed(session: Http2Session, failure: UpstreamFailure | null): void;
}

export class Http2Session implements Http2Carrier, Expiring {
  deadlineAt: number;
  deadlineSlot = -1;
  readonly deadlines: DeadlineTable;
  readonly #owner: SessionOwner;
  readonly #settings: Http2Settings;
  readonly #origin: Http2Origin;
  readonly #socket: net.Socket;
  #session: ClientHttp2Session | null = null;
  #state = CONNECTING;
  #streams = 0;
  #used = 0;
  #failReason = '';
  /** Streams with a higher number were not processed. */
  #lastProcessed = Number.POSITIVE_INFINITY;
  #bytesSeen = 0;
  #pinging = false;

  constructor(
    owner: SessionOwner,
    dialer: Dialer,
    settings: Http2Settings,
    deadlines: DeadlineTable,
  ) {
    this.#owner = owner;
    this.#settings = settings;
    this.deadlines = deadlines;
    this.deadlineAt = monotonicMs() + settings.connectMs;
    this.#origin = {
      scheme: dialer.address.isTls ? 'https' : 'http',
      authority: dialer.address.authority,
    };
    this.#socket = dialer.dial(null);
    this.#socket.once(dialer.readyEvent, () => this.#onConnect());
    this.#socket.on('error', (error) => {
      this.#failReason ||= error.message;
    });
    this.#socket.on('close', () => this.#onClosed());
    deadlines.add(this);
  }

  get isConnecting(): boolean {
    return this.#state === CONNECTING;
  }

  get isIdle(): boolean {
    return this.#state === READY && this.#streams === 0;
  }

  get hasRoom(): boolean {
    if (this.#state !== READY || this.#session === null || this.#pinging) return false;
    const theirs = this.#session.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
    return this.#streams < Math.min(this.#settings.http2.streamsMax, theirs);
  }

  /** The caller has seen that there is room. */
  open(): Http2Stream {
    this.#streams++;
    this.#used++;
    if (this.#streams === 1) this.#watch();
    return new Http2Stream(this);
  }

  request(request: UpstreamRequest): ClientHttp2Stream {
    const session = this.#session;
    if (session === null || session.destroyed || session.closed)
      throw new Error('the connection has ended');
    return session.request(requestFields(request, this.#origin), {
      endStream: request.last && request.body.length === 0 && !request.mayTrail,
      waitForTrailers: request.mayTrail,
    });
  }

  failureOf(stream: ClientHttp2Stream): UpstreamFailure {
    const code = stream.rstCode ?? NGHTTP2_NO_ERROR;
    if (code === NGHTTP2_REFUSED_STREAM || (stream.id ?? 0) > this.#lastProcessed)
      return { kind: 'unprocessed', reason: 'upstream refused the stream' };
    if (this.#state === CLOSED || this.#session?.destroyed === true || this.#socket.destroyed) {
      const reason = this.#failReason || 'upstream closed the connection';
      return { kind: 'closed', reason, reused: this.#used > 1 };
    }
    const reason = `upstream reset the stream (${codeNames.get(code) ?? code})`;
    return { kind: 'closed', reason, reused: false };
  }

  suspect(): void {
    if (this.#state === READY || this.#state === LEAVING) this.#ping();
  }

  leave(): void {
    this.#streams--;
    if (this.#state === CLOSED) return;
    if (this.#streams === 0) {
      if (this.#state === LEAVING) {
        this.close();
        return;
      }
      if (!this.#pinging) this.deadlineAt = monotonicMs() + this.#settings.idleMs;
    }
    if (this.#state === READY) this.#owner.onRoom(this);
  }

  /** Ends it as soon as its streams have. */
  retire(): void {
    if (this.#state === READY && this.#streams > 0) this.#state = LEAVING;
    else if (this.#state !== LEAVING) this.close();
  }

  close(): void {
    const session = this.#session;
    if (session !== null && !session.destroyed) session.destroy();
    this.#socket.destroy();
    this.#onClosed();
  }

  onDeadline(): void {
    if (this.#state === CONNECTING) {
      this.#failReason = 'upstream did not accept the connection in time';
      this.#end({ kind: 'connect-timeout', reason: this.#failReason });
    } else if (this.#pinging) {
      this.#failReason = 'upstream did not answer a PING';
      this.close();
    } else if (this.#streams === 0) this.close();
    else if (this.#socket.bytesRead === this.#bytesSeen) this.#ping();
    else this.#watch();
  }

  /** Looks again after `pingMs`; a byte read until then is as good as a PING. */
  #watch(): void {
    this.#bytesSeen = this.#socket.bytesRead;
    this.deadlineAt = monotonicMs() + this.#settings.http2.pingMs;
  }

  #ping(): void {
    const session = this.#session;
    if (session === null || session.destroyed || this.#pinging) return;
    this.#pinging = true;
    this.deadlineAt = monotonicMs() + this.#settings.http2.pingTimeoutMs;
    session.ping((error: Error | null) => {
      this.#pinging = false;
      if (error !== null || this.#state === CLOSED) return;
      if (this.#streams > 0) this.#watch();
      else this.deadlineAt = monotonicMs() + this.#settings.idleMs;
      if (this.#state === READY) this.#owner.onRoom(this);
    });
  }

  #onConnect(): void {
    if (this.#state !== CONNECTING) return;
    const refusal = refusesHttp2(this.#socket);
    if (refusal !== '') {
      this.#end({ kind: 'connect', reason: refusal });
      return;
    }
    // The types of Node 26.6 know `strictSingleValueFields` for servers only; the client has it as well.
    const options = {
      createConnection: () => this.#socket,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      maxHeaderListPairs: responseHeadersMax,
      // Whether a field may come twice is between client and origin; rules have seen both.
      strictSingleValueFields: false,
      maxReservedRemoteStreams: 0,
      maxSendHeaderBlockLength: responseHeadBytesMax * 2,
    };
    const { scheme, authority } = this.#origin;
    const session = http2.connect(`${scheme}://${authority}`, options);
    this.#session = session;
    session.on('connect', () => session.setLocalWindowSize(sessionWindowBytes));
    session.once('remoteSettings', () => this.#onReady());
    session.on('goaway', (_code: number, lastStreamId: number) => this.#onGoaway(lastStreamId));
    session.on('error', (error: Error) => {
      this.#failReason ||= error.message;
    });
    session.on('close', () => this.#onClosed());
  }

  #onReady(): void {
    if (this.#state !== CONNECTING) return;
    this.#state = READY;
    this.deadlineAt = monotonicMs() + this.#settings.idleMs;
    this.#owner.onReady(this);
  }

  #onGoaway(lastStreamId: number): void {
    this.#lastProcessed = lastStreamId;
    if (this.#state === READY) this.#state = LEAVING;
    if (this.#streams === 0) this.close();
  }

  #onClosed(): void {
    this.#end(
      this.#state === CONNECTING
        ? { kind: 'connect', reason: this.#failReason || 'upstream closed the connection' }
        : null,
    );
  }

  #end(failure: UpstreamFailure | null): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.deadlines.remove(this);
    this.#session?.destroy();
    this.#socket.destroy();
    this.#owner.onClosed(this, failure);
  }
}

/** `2` → `INTERNAL_ERROR`. */
const codeNames = new Map<number, string>(
  Object.entries(http2.constants)
    .filter(([name]) =>
      /^NGHTTP2_(?:(?:NO|PROTOCOL|INTERNAL|FLOW_CONTROL|FRAME_SIZE|COMPRESSION|CONNECT)_ERROR|SETTINGS_TIMEOUT|STREAM_CLOSED|REFUSED_STREAM|CANCEL|ENHANCE_YOUR_CALM|INADEQUATE_SECURITY|HTTP_1_1_REQUIRED)$/.test(
        name,
      ),
    )
    .map(([name, code]) => [Number(code), name.slice('NGHTTP2_'.length)]),
);
