/**
 * One connection to an upstream server: a request goes out, its response comes back, the connection is
 * used again only if both ended cleanly.
 *
 * ```
 * connecting ─► idle ─send─► head ─► body ─► idle …        any surprise ─► closed
 *                             └─101, 2xx to CONNECT─► tunnel
 * ```
 *
 * A byte that nobody asked for, a response that ends early or a body longer than its length makes the
 * connection dirty: it is closed, never pooled, so one client's bytes cannot become another's answer.
 */
import type net from 'node:net';
import { turnMs } from '#core/clock.ts';
import type { DeadlineTable, Expiring } from '#core/deadline-table.ts';
import {
  informationalMax,
  responseHeadBytesMax,
  responseHeadersMax,
} from '#waf/response-bounds.ts';
import { ResponseView } from '#waf/response-view.ts';
import { forwardRequest } from '../forward-request.ts';
import { BodyDecoder, type Framing, framing } from '../http1/body-decoder.ts';
import { BodyPiece } from '../http1/body-piece.ts';
import { encodeBody, joinedBytesMax } from '../http1/encode-body.ts';
import { complete, incomplete, problemOf } from '../http1/parse-problem.ts';
import { parseResponse } from '../http1/parse-response.ts';
import { writeBoth, writeSoon } from '../write-soon.ts';
import type { Dialer } from './dialer.ts';
import type {
  ResponseReceiver,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamStream,
} from './upstream-stream.ts';
import { readOnAfterWriteError } from './write-errors.ts';

/** Whose connection it is: told when it is free again, and when it is gone. */
export interface ConnectionOwner {
  release(connection: Http1Connection): void;
  /** `failure` says what went wrong, where nobody has heard of it. */
  remove(connection: Http1Connection, failure: UpstreamFailure | null): void;
}

const CONNECTING = 0;
const IDLE = 1;
const HEAD = 2;
const BODY = 3;
const TUNNEL = 4;
const CLOSED = 5;

/** What becomes of a failed write: it ends the socket; it is handed over; it has been. */
const SURE = 0;
const TOLERANT = 1;
const FAILED = 2;
/** After a write has failed, an answer that was sent before must come within this. */
const lateAnswerMs = 1_000;

/** All upstream sockets of a worker read into one buffer: what is kept is copied. */
const shared = Buffer.allocUnsafeSlow(65_536);
const view = new ResponseView(responseHeadersMax);
const piece = new BodyPiece();
/** The part of a request body that goes out with its head. */
const first = new BodyPiece();

export class Http1Connection implements UpstreamStream, Expiring {
  deadlineAt: number;
  deadlineSlot = -1;
  readonly #owner: ConnectionOwner;
  readonly #socket: net.Socket;
  readonly #deadlines: DeadlineTable;
  #state = CONNECTING;
  #receiver: ResponseReceiver | null = null;
  #decoder = new BodyDecoder();
  #pendingHead: Buffer | null = null;
  #requestFraming: Framing = framing.none;
  #requestDone = true;
  #reusable = true;
  #used = 0;
  #informational = 0;
  #failReason = '';
  #writes = SURE;

  constructor(owner: ConnectionOwner, dialer: Dialer, deadlines: DeadlineTable, connectMs: number) {
    this.#owner = owner;
    this.#deadlines = deadlines;
    this.deadlineAt = turnMs() + connectMs;
    this.#socket = dialer.dial({
      buffer: shared,
      callback: (size, buffer) => this.#onData(buffer as Buffer, size),
    });
    this.#socket.once(dialer.readyEvent, () => this.#onConnect());
    this.#socket.on('drain', () => this.#onDrain());
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('error', (error) => {
      this.#failReason = error.message;
    });
    this.#socket.on('close', () => this.#onClose());
    deadlines.add(this);
  }

  get isConnected(): boolean {
    return this.#state !== CONNECTING;
  }

  /** Served a request before, so the origin may close it at any moment. */
  get isReused(): boolean {
    return this.#used > 1;
  }

  /** Head and what there is of the body go out in one write, also before the connection stands. */
  send(receiver: ResponseReceiver, request: UpstreamRequest): boolean {
    this.#receiver = receiver;
    this.#requestDone = request.last;
    this.#requestFraming = request.view.chunked ? framing.chunked : framing.length;
    this.#informational = 0;
    this.#used++;
    if (this.#state === IDLE) {
      this.#state = HEAD;
      this.deadlineAt = request.last ? turnMs() + receiver.responseMs : Number.POSITIVE_INFINITY;
    }
    const { view: head, forwarding, authority, body } = request;
    const isApart = body.length > joinedBytesMax && !head.chunked;
    first.reset(body, false);
    if (body.length > 0 && !isApart) first.add(0, body.length);
    first.last = request.last;
    first.trailers = request.trailers;
    const bytes = forwardRequest(head, first, forwarding, authority, request.trailerNames);
    if (!isApart) return writeSoon(this.#socket, bytes);
    return writeBoth(this.#socket, bytes, body);
  }

  sendBody(body: BodyPiece): boolean {
    if (this.#writes === SURE) {
      this.#writes = TOLERANT;
      readOnAfterWriteError(this.#socket, (error) => this.#onWriteError(error));
    }
    // The server reads no more, but its answer may still come.
    if (this.#writes === FAILED) return true;
    if (body.last) {
      this.#requestDone = true;
      if (this.#state === HEAD)
        this.deadlineAt = turnMs() + (this.#receiver as ResponseReceiver).responseMs;
    }
    const bytes = encodeBody(body, this.#requestFraming);
    if (bytes.length === 0 || this.#socket.write(bytes)) return true;
    // The origin does not keep up with the body: the client waits for it, and it has this long.
    if (this.#state === HEAD && !body.last)
      this.deadlineAt = turnMs() + (this.#receiver as ResponseReceiver).sendMs;
    return false;
  }

  sendTunnel(bytes: Buffer): boolean {
    this.deadlineAt = turnMs() + (this.#receiver?.tunnelIdleMs ?? 0);
    return this.#socket.write(bytes);
  }

  endTunnel(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
    // While the client is not reading, its own deadline rules.
    this.deadlineAt = Number.POSITIVE_INFINITY;
  }

  resume(): void {
    if (this.#receiver !== null) this.#moveDeadline(this.#receiver);
    this.#socket.resume();
  }

  /** Ends it without a word to the exchange, which has already decided. */
  abort(): void {
    this.#receiver = null;
    this.#close();
  }

  /** Waits in the pool until it is needed, closed by the origin, or idle too long. */
  idle(idleMs: number): void {
    this.deadlineAt = turnMs() + idleMs;
  }

  #onWriteError(error: Error): void {
    if (this.#writes === FAILED) return;
    this.#writes = FAILED;
    this.#failReason = error.message;
    this.#reusable = false;
    if (this.#state === HEAD) this.deadlineAt = turnMs() + lateAnswerMs;
  }

  onDeadline(): void {
    if (this.#writes === FAILED) {
      this.#onClose();
      return;
    }
    const receiver = this.#receiver;
    this.#receiver = null;
    const state = this.#state;
    this.#close();
    if (receiver === null) return;
    if (state === TUNNEL)
      receiver.onUpstreamFailure({ kind: 'silent', reason: 'tunnel silent too long' });
    else
      receiver.onUpstreamFailure(
        state === CONNECTING
          ? { kind: 'connect-timeout', reason: 'upstream did not accept the connection in time' }
          : { kind: 'timeout', reason: 'upstream did not answer in time' },
      );
  }

  #moveDeadline(receiver: ResponseReceiver): void {
    const limitMs =
      this.#state === HEAD
        ? receiver.responseMs
        : this.#state === TUNNEL
          ? receiver.tunnelIdleMs
          : receiver.sendMs;
    this.deadlineAt =
      this.#state === HEAD && !this.#requestDone ? Number.POSITIVE_INFINITY : turnMs() + limitMs;
  }

  #onConnect(): void {
    if (this.#state !== CONNECTING) return;
    const receiver = this.#receiver;
    this.#state = receiver === null ? IDLE : HEAD;
    if (receiver === null) {
      this.#owner.release(this);
      return;
    }
    this.#moveDeadline(receiver);
    receiver.onConnected();
  }

  #onDrain(): void {
    const receiver = this.#receiver;
    if (receiver === null) return;
    if (this.#state === HEAD) this.#moveDeadline(receiver);
    receiver.onUpstreamDrain();
  }

  #onData(buffer: Buffer, size: number): boolean {
    switch (this.#state) {
      case HEAD:
        this.#onHead(buffer, size);
        break;
      case BODY:
        this.#onBody(buffer, 0, size);
        break;
      case TUNNEL:
        this.deadlineAt = turnMs() + (this.#receiver?.tunnelIdleMs ?? 0);
        this.#receiver?.onTunnelData(Buffer.copyBytesFrom(buffer, 0, size) as Buffer);
        break;
      default:
        // Bytes that answer no request: the connection cannot be trusted any more.
        this.#close();
    }
    return true;
  }

  #onHead(buffer: Buffer, size: number): void {
    let bytes = buffer;
    let limit = size;
    let borrowed = true;
    if (this.#pendingHead !== null) {
      bytes = Buffer.concat([this.#pendingHead, buffer.subarray(0, size)]);
      limit = bytes.length;
      borrowed = false;
      this.#pendingHead = null;
    }
    let from = 0;
    for (;;) {
      const result = parseResponse(view, bytes, from, limit, responseHeadBytesMax);
      if (result === incomplete) {
        this.#pendingHead = Buffer.from(bytes.subarray(from, limit));
        return;
      }
      if (result !== complete) {
        this.#fail({ kind: 'protocol', reason: `upstream response: ${problemOf(result).reason}` });
        return;
      }
      if (view.status >= 200) break;
      const receiver = this.#receiver as ResponseReceiver;
      if (view.status === 101) {
        this.#switch(receiver, bytes, limit);
        return;
      }
      if (++this.#informational > informationalMax) {
        this.#fail({ kind: 'protocol', reason: 'upstream sent too many informational responses' });
        return;
      }
      if (view.status !== 100) receiver.onInformational(view);
      from = view.end;
      if (from === limit) return;
    }
    this.#onFinalHead(bytes, limit, borrowed);
  }

  #switch(receiver: ResponseReceiver, bytes: Buffer, limit: number): void {
    if (receiver.tunnel !== 'websocket' || !view.connectionUpgrade || view.upgradeIndex < 0) {
      this.#fail({ kind: 'protocol', reason: 'upstream switched protocols unasked' });
      return;
    }
    this.#openTunnel(receiver, bytes, limit);
  }

  #openTunnel(receiver: ResponseReceiver, bytes: Buffer, limit: number): void {
    this.#state = TUNNEL;
    this.#moveDeadline(receiver);
    receiver.onTunnel(view, Buffer.from(bytes.subarray(view.end, limit)));
  }

  #onFinalHead(bytes: Buffer, limit: number, borrowed: boolean): void {
    const receiver = this.#receiver as ResponseReceiver;
    // Whatever such a head says of a body, there is none (RFC 9110 section 9.3.6).
    if (receiver.tunnel === 'connect' && view.status < 300) {
      this.#openTunnel(receiver, bytes, limit);
      return;
    }
    this.#reusable =
      this.#writes !== FAILED &&
      !view.connectionClose &&
      (view.minor === 1 || view.connectionKeepAlive);
    let kind: Framing;
    if (receiver.isHead || view.status === 204 || view.status === 304) kind = framing.none;
    else if (view.chunked) kind = framing.chunked;
    else if (view.contentLength >= 0) kind = framing.length;
    else {
      kind = framing.close;
      this.#reusable = false;
    }
    if (view.chunked && view.minor === 0) {
      this.#fail({ kind: 'protocol', reason: 'upstream sent chunked coding in HTTP/1.0' });
      return;
    }
    this.#state = BODY;
    this.#decoder.reset(kind, view.contentLength, true);
    const result = this.#decoder.decode(piece, bytes, view.end, limit, borrowed);
    if (result < 0) {
      this.#fail({ kind: 'protocol', reason: `upstream response: ${problemOf(result).reason}` });
      return;
    }
    if (result === complete) this.#finish(limit);
    else this.#moveDeadline(receiver);
    receiver.onResponse(view, kind, piece);
  }

  #onBody(buffer: Buffer, from: number, limit: number): void {
    const receiver = this.#receiver as ResponseReceiver;
    const result = this.#decoder.decode(piece, buffer, from, limit, true);
    if (result < 0) {
      this.#fail({ kind: 'protocol', reason: `upstream response: ${problemOf(result).reason}` });
      return;
    }
    if (result === complete) this.#finish(limit);
    else this.deadlineAt = turnMs() + receiver.sendMs;
    receiver.onResponseBody(piece);
  }

  /** The response has ended: back to the pool before the exchange goes on, so that its next request finds it. */
  #finish(limit: number): void {
    this.#receiver = null;
    if (this.#reusable && this.#requestDone && this.#decoder.position === limit) {
      this.#state = IDLE;
      this.#owner.release(this);
    } else this.#close();
  }

  #onEnd(): void {
    const receiver = this.#receiver;
    if (this.#state === TUNNEL) receiver?.onTunnelEnd();
    else if (this.#state === BODY && this.#decoder.framing === framing.close && receiver !== null) {
      this.#receiver = null;
      this.#close();
      piece.reset(shared, true);
      piece.last = true;
      receiver.onResponseBody(piece);
    } else
      this.#fail({
        kind: 'closed',
        reason: 'upstream closed the connection',
        reused: this.isReused,
      });
  }

  #fail(failure: UpstreamFailure): void {
    const receiver = this.#receiver;
    this.#receiver = null;
    this.#close(receiver === null ? failure : null);
    receiver?.onUpstreamFailure(failure);
  }

  #onClose(): void {
    const connecting = this.#state === CONNECTING;
    const reason = this.#failReason === '' ? 'upstream closed the connection' : this.#failReason;
    this.#fail(
      connecting ? { kind: 'connect', reason } : { kind: 'closed', reason, reused: this.isReused },
    );
  }

  #close(failure: UpstreamFailure | null = null): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#deadlines.remove(this);
    this.#owner.remove(this, failure);
    this.#socket.destroy();
  }
}
