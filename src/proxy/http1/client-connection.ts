/**
 * A client's HTTP/1.1 connection: bytes to requests, responses to bytes, one exchange at a time.
 *
 * ```
 * HEAD ─head whole─► EXCHANGE ─response sent─► HEAD …        (pipelined requests wait their turn)
 *   │                   ├─101, 2xx to CONNECT─► TUNNEL ─► CLOSED
 *   └─refused─► LINGER ◄┘ (close)   ─► CLOSED
 * ```
 *
 * After an answer that leaves request bytes unread the connection lingers: our side is closed, the client's bytes are
 * read and dropped for a while, so that a reset does not destroy the answer (RFC 9112 section 9.6).
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { turnMs } from '#core/clock.ts';
import type { Expiring } from '#core/deadline-table.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import { hasAuthorityForm } from '../asked-tunnel.ts';
import { BodyRate } from '../body-rate.ts';
import { newExchange } from '../captured-exchange.ts';
import type { ClientSide } from '../client-side.ts';
import type { ConnectionFacts } from '../connection-facts.ts';
import type { ProxyContext } from '../context.ts';
import { cutUnread } from '../cut-unread.ts';
import type { Entrance } from '../entrance.ts';
import type { Exchange } from '../exchange.ts';
import type { AddedFields } from '../header-edits.ts';
import { refuseUnread } from '../refuse-unread.ts';
import { readShared } from '../shared-reads.ts';
import type { RouteTimeouts } from '../snapshot.ts';
import { writeBoth, writeSoon } from '../write-soon.ts';
import { BodyDecoder, type Framing, framing, requestFraming } from './body-decoder.ts';
import { BodyPiece } from './body-piece.ts';
import { LF, noBytes, ownJoined } from './bytes.ts';
import { encodeBody, encodedSizeMax, encodePiece, goesApart } from './encode-body.ts';
import { complete, incomplete, type ParseProblem, problemOf } from './parse-problem.ts';
import { parseRequest } from './parse-request.ts';
import { dropUnaskedTrailers } from './trailers.ts';
import {
  contentLengthDrop,
  headSizeMax,
  responseDrops,
  responseHead,
  writeFields,
  writeStatusLine,
} from './write-head.ts';

const HEAD = 0;
const EXCHANGE = 1;
const TUNNEL = 2;
const LINGER = 3;
const CLOSED = 4;

/** How long, and for how many bytes, a closed connection is still read. */
const lingerMs = 2_000;
const lingerBytesMax = 1_048_576;

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');
/** One piece a worker: filled and used up within one callback. */
const piece = new BodyPiece();

export class ClientConnection implements ClientSide, Expiring {
  deadlineAt: number;
  deadlineSlot = -1;
  readonly peer: string;
  readonly isTls: boolean;
  readonly listener: number;
  readonly facts: ConnectionFacts;
  readonly #socket: Socket;
  readonly #context: ProxyContext;
  readonly #onClosed: (connection: ClientConnection) => void;
  readonly #decoder = new BodyDecoder();
  readonly #rate = new BodyRate();
  #state = HEAD;
  #pending: Buffer | null = null;
  #view: RequestView | null = null;
  #exchange: Exchange | null = null;
  #bodyFraming: Framing = framing.none;
  #parsing = false;
  #needsDrain = false;
  #closeAfter = false;
  #ended = false;
  #bodyPaused = false;
  #lingered = 0;
  #requests = 0;

  constructor(
    socket: Socket,
    facts: ConnectionFacts,
    context: ProxyContext,
    onClosed: (connection: ClientConnection) => void,
  ) {
    this.#socket = socket;
    this.facts = facts;
    this.peer = facts.peer;
    this.isTls = facts.isTls;
    this.listener = facts.listener;
    this.#context = context;
    this.#onClosed = onClosed;
    // The first request of a connection has the head's time, not the longer idle time.
    this.deadlineAt = turnMs() + context.snapshot.timeouts.headMs;
    context.deadlines.add(this);
    readShared(socket, (bytes) => this.#onData(bytes));
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  get requestDone(): boolean {
    return this.#decoder.done;
  }

  get isIdle(): boolean {
    return this.#state === HEAD && this.#pending === null;
  }

  /** The worker drains: busy ones close after their response, idle ones have `idleMs` for a request that is on its way. */
  drain(idleMs: number): void {
    if (!this.isIdle) this.#closeAfter = true;
    else if (idleMs === 0) this.#endAndLinger();
    else this.deadlineAt = Math.min(this.deadlineAt, turnMs() + idleMs);
  }

  // ── from the client ───────────────────────────────────────────────────────────────────────────────

  #onData(bytes: Buffer): void {
    switch (this.#state) {
      case HEAD:
        this.#onHeadBytes(bytes);
        break;
      case EXCHANGE:
        if (this.#decoder.done || this.#pending !== null) this.#keep(bytes);
        else this.#onBodyBytes(bytes);
        break;
      case TUNNEL:
        (this.#exchange as Exchange).onClientTunnelData(bytes);
        break;
      default:
        this.#lingered += bytes.length;
        if (this.#lingered > lingerBytesMax) this.#socket.destroy();
    }
  }

  #onHeadBytes(bytes: Buffer): void {
    const pending = this.#pending;
    if (pending === null) {
      this.#parse(bytes);
      return;
    }
    const joined = ownJoined(pending, bytes);
    this.#pending = joined;
    // Without a further line end nothing new can be decided, unless the head has grown too large.
    if (bytes.includes(LF) || joined.length >= this.#context.snapshot.limits.headBytesMax)
      this.#parse(joined);
  }

  /** Takes requests out of `bytes` until one is in progress or the bytes are used up. */
  #parse(first: Buffer): void {
    this.#parsing = true;
    let bytes = first;
    while (this.#state === HEAD) {
      const { entrances, timeouts } = this.#context.snapshot;
      const view = this.#context.views.take();
      const { head } = entrances[this.listener] as Entrance;
      const result = parseRequest(view, bytes, 0, bytes.length, head);
      if (result === incomplete) {
        if (this.#pending === null) this.deadlineAt = turnMs() + timeouts.headMs;
        this.#pending ??= ownJoined(noBytes, bytes);
        this.#context.views.give(view);
        break;
      }
      if (result !== complete) {
        this.#refuse(problemOf(result));
        this.#context.views.give(view);
        break;
      }
      const rest = this.#begin(view, bytes);
      // Finished at once (a local answer), and more requests are there.
      if (this.#state !== HEAD || this.#needsDrain) break;
      if (rest === null) break;
      this.#pending = null;
      bytes = rest;
    }
    this.#parsing = false;
  }

  /** Starts the exchange of a whole head. Returns the bytes behind the request, if there are any. */
  #begin(view: RequestView, bytes: Buffer): Buffer | null {
    this.#state = EXCHANGE;
    this.#view = view;
    // Who does not wait for a tunnel may have put another's bytes behind: they are no requests.
    const endsAnyway = view.connectionClose || view.refusal !== 0 || hasAuthorityForm(view);
    this.#closeAfter ||= endsAnyway || (view.minor === 0 && !view.connectionKeepAlive);
    if (this.#context.draining) this.#closeAfter = true;
    // Modules see its trailers, and an upstream that takes them gets some (`upstream/request-trailers.ts`).
    this.#decoder.reset(requestFraming(view), view.contentLength, true);
    const result = this.#decoder.decode(piece, bytes, view.end, bytes.length, false);
    const at = this.#decoder.position;
    this.#pending = at < bytes.length ? bytes.subarray(at) : null;
    this.deadlineAt = Number.POSITIVE_INFINITY;
    if (!this.#decoder.done) {
      this.#rate.start(turnMs());
      this.#rate.add(piece.size);
    }
    if (++this.#requests === this.#context.snapshot.limits.requestsPerConnectionMax) {
      this.#closeAfter = true;
      this.#context.metrics.connections.lastRequest.value++;
    }
    const exchange = newExchange(this.#context, this, view);
    this.#exchange = exchange;
    if (result < 0) {
      this.#pending = null;
      exchange.onRequestFault(problemOf(result).status, problemOf(result).reason);
    } else exchange.start(piece);
    return this.#pending;
  }

  #onBodyBytes(bytes: Buffer): void {
    const exchange = this.#exchange as Exchange;
    const result = this.#decoder.decode(piece, bytes, 0, bytes.length, false);
    if (result < 0) {
      exchange.onRequestFault(problemOf(result).status, problemOf(result).reason);
      return;
    }
    this.#rate.add(piece.size);
    this.#moveDeadline();
    if (result === complete) {
      if (this.#decoder.position < bytes.length) this.#keep(bytes.subarray(this.#decoder.position));
    }
    if (piece.size > 0 || piece.last) exchange.onRequestBody(piece);
  }

  /** Bytes of later requests wait here, up to a bound; beyond it the socket is not read. */
  #keep(bytes: Buffer): void {
    this.#pending = this.#pending === null ? bytes : Buffer.concat([this.#pending, bytes]);
    if (this.#pending.length < this.#context.snapshot.limits.pipelinedBytesMax) return;
    this.#context.metrics.connections.paused.value++;
    this.#socket.pause();
  }

  #onEnd(): void {
    this.#ended = true;
    switch (this.#state) {
      case HEAD:
        this.#socket.end();
        this.#state = LINGER;
        this.deadlineAt = turnMs() + lingerMs;
        break;
      case EXCHANGE:
        // A client may close its side after the request and still read the answer.
        this.#closeAfter = true;
        if (!this.#decoder.done)
          (this.#exchange as Exchange).onRequestFault(400, 'request ended before its body did');
        break;
      case TUNNEL:
        (this.#exchange as Exchange).onClientTunnelEnd();
        break;
      default:
        if (this.#socket.writableFinished) this.#socket.destroy();
    }
  }

  #onClose(): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#context.deadlines.remove(this);
    this.#exchange?.onClientGone();
    this.#onClosed(this);
  }

  #onDrain(): void {
    this.#needsDrain = false;
    if (this.#state === EXCHANGE || this.#state === TUNNEL) {
      this.#moveDeadline();
      (this.#exchange as Exchange).onClientDrain();
    } else if (this.#state === HEAD) this.#next();
  }

  onDeadline(): void {
    if (this.#needsDrain) {
      this.#context.metrics.limitReached('response not taken in time');
      cutUnread(this.#socket, this.isTls);
    } else if (this.#state === HEAD && this.#pending === null) {
      this.#context.metrics.connections.timedOut.idle.value++;
      this.#endAndLinger();
    } else if (this.#state === HEAD)
      this.#refuse({ status: 408, reason: 'request head did not arrive in time' });
    else if (this.#state === EXCHANGE)
      (this.#exchange as Exchange).onRequestFault(408, 'request body did not arrive in time');
    else this.#socket.destroy();
  }

  // ── to the client ─────────────────────────────────────────────────────────────────────────────────

  sendContinue(): void {
    this.#socket.write(CONTINUE);
  }

  sendInformational(view: ResponseView): void {
    this.#socket.write(responseHead(view, '\r\n'));
  }

  sendResponse(
    view: ResponseView,
    bodyFraming: Framing,
    body: BodyPiece,
    requestId: string,
    isHead: boolean,
    extra: AddedFields,
  ): boolean {
    const isOld = (this.#view as RequestView).minor === 0;
    let kind = bodyFraming;
    let drops = responseDrops;
    if (kind === framing.chunked || kind === framing.close) {
      drops |= contentLengthDrop;
      kind = isOld ? framing.close : framing.chunked;
    } else if (view.status === 204 || (kind === framing.none && view.chunked))
      drops |= contentLengthDrop;
    if (kind === framing.close || !this.#decoder.done) this.#closeAfter = true;
    this.#bodyFraming = kind;
    let added = `${extra.lines}X-Request-Id: ${requestId}\r\n`;
    const namesCoding = isHead && view.chunked && !isOld && view.status !== 204;
    if (kind === framing.chunked || namesCoding) added += 'Transfer-Encoding: chunked\r\n';
    added += this.#connectionField(isOld);
    dropUnaskedTrailers(body, this.#view as RequestView);
    const headBytesMax = headSizeMax(view, added.length);
    const isApart = goesApart(body, kind);
    const bodyBytesMax = isApart ? 0 : encodedSizeMax(body, kind);
    const target = Buffer.allocUnsafe(headBytesMax + bodyBytesMax);
    let at = writeStatusLine(view, target, 0);
    at = writeFields(view, drops, target, at);
    at += target.write(added, at, 'latin1');
    if (isApart) return this.#write(target.subarray(0, at), encodeBody(body, kind));
    at = encodePiece(body, kind, target, at);
    return this.#write(target.subarray(0, at));
  }

  sendBody(body: BodyPiece): boolean {
    if (body.size === 0 && !(body.last && this.#bodyFraming === framing.chunked))
      return !this.#needsDrain;
    dropUnaskedTrailers(body, this.#view as RequestView);
    return this.#write(encodeBody(body, this.#bodyFraming));
  }

  sendLocal(
    status: number,
    fields: string,
    contentType: string,
    body: string | Buffer,
    requestId: string,
    isHead: boolean,
  ): boolean {
    // A client of HTTP/0.9 would take a status line for the document.
    if (this.#view?.major === 0) return false;
    if (!this.#decoder.done) this.#closeAfter = true;
    const isOld = this.#view?.minor === 0;
    const head =
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\nContent-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\n${fields}X-Request-Id: ${requestId}\r\n${this.#connectionField(isOld)}`;
    if (isHead || typeof body === 'string') this.#write(Buffer.from(isHead ? head : head + body));
    else this.#write(Buffer.concat([Buffer.from(head, 'latin1'), body]));
    return true;
  }

  startTunnel(view: ResponseView, requestId: string): boolean {
    this.#state = TUNNEL;
    this.deadlineAt = Number.POSITIVE_INFINITY;
    const named = view.status === 101 ? view.headerValue(view.upgradeIndex) : '';
    const upgrade = named === '' ? '' : `Connection: Upgrade\r\nUpgrade: ${named}\r\n`;
    const added = `${upgrade}X-Request-Id: ${requestId}\r\n\r\n`;
    const writable = this.#write(responseHead(view, added));
    const early = this.#pending;
    this.#pending = null;
    if (early !== null) (this.#exchange as Exchange).onClientTunnelData(early);
    this.resumeBody();
    if (this.#ended) (this.#exchange as Exchange).onClientTunnelEnd();
    return writable;
  }

  sendTunnel(bytes: Buffer): boolean {
    return this.#write(bytes);
  }

  endTunnel(): void {
    this.#end();
    if (this.#ended) this.#socket.destroySoon();
  }

  pauseBody(): void {
    this.#bodyPaused = true;
    this.#rate.pause(turnMs());
    this.#socket.pause();
    this.#moveDeadline();
  }

  resumeBody(): void {
    this.#bodyPaused = false;
    this.#rate.resume(turnMs());
    this.#socket.resume();
    this.#moveDeadline();
  }

  abort(): void {
    this.#closeAfter = true;
    // Where the close is what ends the body, an orderly one would make the part look like the whole.
    if (this.#bodyFraming === framing.close && !this.isTls) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  exchangeDone(): void {
    const view = this.#view;
    this.#view = null;
    this.#exchange = null;
    if (view !== null) this.#context.views.give(view);
    if (this.#state === CLOSED) return;
    if (this.#closeAfter || this.#ended) {
      this.#endAndLinger();
      return;
    }
    this.#state = HEAD;
    const { timeouts } = this.#context.snapshot;
    if (this.#needsDrain) {
      // The client is not reading: its next request waits until it has.
      this.deadlineAt = turnMs() + timeouts.sendMs;
      this.#socket.pause();
      return;
    }
    if (this.#parsing) this.deadlineAt = turnMs() + timeouts.idleMs;
    else this.#next();
  }

  /** Ready for the next request, which may be here already. */
  #next(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
    const pending = this.#pending;
    if (pending === null) {
      this.deadlineAt = turnMs() + this.#context.snapshot.timeouts.idleMs;
      return;
    }
    this.#pending = null;
    this.#parse(pending);
  }

  /** A head that could not be read: there is no exchange, but there is an answer, a line and a count. */
  #refuse(problem: ParseProblem): void {
    this.#closeAfter = true;
    const { contentType, body, requestId } = refuseUnread(this.#context, this.facts, problem);
    this.sendLocal(problem.status, '', contentType, body, requestId, false);
    this.#endAndLinger();
  }

  #connectionField(isOld: boolean): string {
    if (this.#closeAfter) return 'Connection: close\r\n\r\n';
    return isOld ? 'Connection: keep-alive\r\n\r\n' : '\r\n';
  }

  #write(bytes: Buffer, rest: Buffer | null = null): boolean {
    const socket = this.#socket;
    const writable = rest === null ? writeSoon(socket, bytes) : writeBoth(socket, bytes, rest);
    if (!writable) {
      this.#needsDrain = true;
      this.deadlineAt = turnMs() + this.#timeouts.sendMs;
    }
    return writable;
  }

  get #timeouts(): RouteTimeouts {
    return this.#exchange?.timeouts ?? this.#context.snapshot.defaultTimeouts;
  }

  /** Which of the client's time limits runs: none while the upstream is the one to wait for. */
  #moveDeadline(): void {
    const { sendMs, bodyIdleMs } = this.#timeouts;
    if (this.#needsDrain) this.deadlineAt = turnMs() + sendMs;
    else if (this.#state === EXCHANGE && !this.#decoder.done && !this.#bodyPaused) {
      const { bodyBytesPerSecondMin } = this.#context.snapshot.limits;
      const slowest = this.#rate.deadline(bodyIdleMs, bodyBytesPerSecondMin);
      this.deadlineAt = Math.min(turnMs() + bodyIdleMs, slowest);
    } else this.deadlineAt = Number.POSITIVE_INFINITY;
  }

  #endAndLinger(): void {
    this.#state = LINGER;
    this.#pending = null;
    this.#end();
    if (this.#ended) this.#socket.destroySoon();
    else this.#socket.resume();
  }

  /** Closes our side. What is still to be written has the time a response has; the linger comes after. */
  #end(): void {
    const isWritten = this.#socket.writableLength === 0;
    this.deadlineAt = turnMs() + (isWritten ? lingerMs : this.#context.snapshot.timeouts.sendMs);
    this.#socket.end(() => {
      this.deadlineAt = turnMs() + lingerMs;
    });
  }
}
