/**
 * One request and its response: a stream of a session, and the client side of an exchange.
 *
 * ```
 * opened ─► body arrives ─► request ended ─┐
 *    └─► exchange ─► response head ─► data ┴─► closed          reset by either side ─► closed
 * ```
 *
 * The exchange of a request with a body begins with the first DATA frame, or when the read its head came
 * in has been used up: a small body then goes to the upstream in one write with the head.
 *
 * Back-pressure, both ways: what the exchange does not take yet is held up to the stream's window, which is not given anew
 * for it; what the client has no window for waits in a queue, and the upstream is not read until it is empty.
 */
import { monotonicMs } from '#core/clock.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import { newExchange } from '../captured-exchange.ts';
import type { ClientSide } from '../client-side.ts';
import type { ConnectionFacts } from '../connection-facts.ts';
import type { Exchange } from '../exchange.ts';
import { type AddedFields, noFields } from '../header-edits.ts';
import { type Framing, framing } from '../http1/body-decoder.ts';
import { BodyPiece } from '../http1/body-piece.ts';
import type { RouteTimeouts } from '../snapshot.ts';
import { ByteQueue } from './byte-queue.ts';
import { type ErrorCode, errorCode } from './error-code.ts';
import { frameBytesMax, windowMax } from './frame.ts';
import { streamWindow } from './limits.ts';
import { encodeLocal, encodeResponse } from './response-head.ts';
import { StreamClock, type StreamLate } from './stream-clock.ts';
import type { StreamSession } from './stream-session.ts';
import { encodeLines } from './trailers.ts';

/** One piece a worker: filled and used up within one callback. */
const piece = new BodyPiece();
const localPiece = new BodyPiece();
const noBytes = Buffer.alloc(0);

export class Http2Stream implements ClientSide, StreamLate {
  readonly id: number;
  sendWindow: number;
  isClosed = false;
  /** The client has sent END_STREAM. */
  remoteEnded: boolean;
  /** The whole request has been given to the exchange. */
  requestDone: boolean;
  readonly #session: StreamSession;
  #view: RequestView | null;
  #exchange: Exchange | null = null;
  #hasBegun = false;
  /** What the content length leaves to come, -1 without one. */
  #remaining: number;
  #receiveWindow = streamWindow;
  /** Taken by the exchange since the last window update. */
  #taken = 0;
  /** Received, and not yet credited to the session. */
  #uncredited = 0;
  #isPaused = false;
  #held: ByteQueue | null = null;
  #clock: StreamClock | null = null;
  #requestTrailers: Buffer = noBytes;
  #queue: ByteQueue | null = null;
  /** The response ends with what is queued. */
  #queueIsLast = false;
  #responseTrailers: Buffer = noBytes;
  #localEnded = false;
  #wantsDrain = false;

  constructor(
    session: StreamSession,
    id: number,
    view: RequestView | null,
    sendWindow: number,
    remoteEnded: boolean,
  ) {
    this.#session = session;
    this.id = id;
    this.#view = view;
    this.sendWindow = sendWindow;
    this.remoteEnded = remoteEnded;
    this.requestDone = remoteEnded;
    this.#remaining = view?.contentLength ?? -1;
  }

  get facts(): ConnectionFacts {
    return this.#session.facts;
  }

  get peer(): string {
    return this.facts.peer;
  }

  get isTls(): boolean {
    return this.facts.isTls;
  }

  get listener(): number {
    return this.facts.listener;
  }

  /** The head of one that is read and of which nothing has gone on. */
  get unbegun(): RequestView | null {
    return this.#hasBegun ? null : this.#view;
  }

  // ── from the client ───────────────────────────────────────────────────────────────────────────────

  /** Starts the exchange with the head alone. */
  begin(): void {
    piece.reset(noBytes, false);
    piece.last = this.remoteEnded;
    this.#start();
  }

  /** A DATA frame: `flowSize` counts its padding too. False asks for the stream's error. */
  onData(bytes: Buffer, start: number, end: number, flowSize: number, isLast: boolean): ErrorCode {
    this.#receiveWindow -= flowSize;
    this.#uncredited += flowSize;
    if (this.#receiveWindow < 0) return errorCode.flowControlError;
    const size = end - start;
    this.#clock?.rate.add(size);
    if (this.#remaining >= 0) {
      this.#remaining -= size;
      if (this.#remaining < 0 || (isLast && this.#remaining > 0)) {
        this.#session.malformed(this, 'body-length');
        return errorCode.noError;
      }
    }
    this.remoteEnded = isLast;
    // Padding is nobody's to hold.
    this.#taken += flowSize - size;
    if (this.#isPaused || this.#held !== null) {
      this.#held ??= new ByteQueue();
      this.#held.append(bytes, start, end);
      return errorCode.noError;
    }
    piece.reset(bytes, false);
    if (size > 0) piece.add(start, end);
    this.#deliver(size);
    return errorCode.noError;
  }

  /** Trailers end the request. */
  onTrailers(lines: Buffer): void {
    if (this.#remaining > 0) {
      this.#session.malformed(this, 'body-length');
      return;
    }
    this.remoteEnded = true;
    this.#requestTrailers = lines;
    if (this.#isPaused || this.#held !== null) return;
    piece.reset(noBytes, false);
    this.#deliver(0);
  }

  /** False when the window would be larger than there are numbers. */
  onWindowUpdate(increment: number): boolean {
    if (this.sendWindow + increment > windowMax) return false;
    this.sendWindow += increment;
    return true;
  }

  /** Gives `piece` to the exchange. */
  #deliver(size: number): void {
    if (this.remoteEnded) {
      piece.last = true;
      piece.trailers = this.#requestTrailers;
      this.requestDone = true;
    }
    if (this.#hasBegun) this.#exchange?.onRequestBody(piece);
    else this.#start();
    if (this.isClosed) return;
    this.#take(size);
    this.#moveBodyDeadline();
  }

  #start(): void {
    this.#hasBegun = true;
    const exchange = newExchange(this.#session.context, this, this.#view as RequestView);
    this.#exchange = exchange;
    if (!piece.last) {
      this.#clock = new StreamClock(this.#session.context.deadlines, this);
      this.#clock.rate.start(monotonicMs());
      this.#clock.rate.add(piece.size);
      this.#moveBodyDeadline();
    }
    exchange.start(piece);
  }

  /** The exchange has so much of the body; unless it asked to wait, the client may send more. */
  #take(size: number): void {
    this.#taken += size;
    const taken = this.#taken;
    if (this.#isPaused || taken === 0) return;
    this.#credit();
    if (this.remoteEnded || taken < streamWindow / 2) return;
    this.#taken = 0;
    this.#receiveWindow += taken;
    this.#session.frames.windowUpdate(this.id, taken);
  }

  /** What neither waits here nor at the upstream counts no longer against the session. */
  #credit(): void {
    const held = this.#held?.size ?? 0;
    const count = this.#uncredited - held;
    this.#uncredited = held;
    this.#session.credit(count);
  }

  pauseBody(): void {
    this.#isPaused = true;
    this.#clock?.rate.pause(monotonicMs());
    this.#moveBodyDeadline();
  }

  resumeBody(): void {
    this.#isPaused = false;
    this.#clock?.rate.resume(monotonicMs());
    const held = this.#held;
    if (held !== null && !this.isClosed) {
      this.#held = null;
      piece.reset(held.bytes, false);
      if (held.size > 0) piece.add(held.start, held.end);
      this.#deliver(held.size);
      return;
    }
    if (this.isClosed) return;
    if (this.remoteEnded && !this.requestDone) {
      piece.reset(noBytes, false);
      this.#deliver(0);
      return;
    }
    this.#take(0);
    this.#moveBodyDeadline();
  }

  onSendLate(): void {
    this.#session.context.metrics.limitReached('response not taken in time');
    this.reset(errorCode.cancel, 'client did not read in time');
  }

  onBodyLate(): void {
    this.#exchange?.onRequestFault(408, 'request body did not arrive in time');
  }

  /** Ends the stream at once, and whatever is done for it. */
  reset(code: ErrorCode, reason: string): void {
    if (this.isClosed) return;
    this.#cut(code);
    this.#exchange?.onClientGone(reason);
  }

  /** As `reset`, for a request that turned out to be malformed after it had begun. */
  refuse(code: ErrorCode, status: number, reason: string): void {
    this.#cut(code);
    this.#exchange?.onRequestFault(status, reason);
  }

  /** The client reset the stream, or the whole connection is gone. */
  gone(reason: string): void {
    this.#close(true);
    this.#exchange?.onClientGone(reason);
  }

  // ── to the client ─────────────────────────────────────────────────────────────────────────────────

  sendContinue(): void {
    if (this.isClosed) return;
    const { encoder, frames } = this.#session;
    encoder.begin();
    encoder.status(100);
    frames.headers(this.id, encoder, false);
  }

  sendInformational(view: ResponseView): void {
    if (this.isClosed) return;
    const { encoder, frames } = this.#session;
    encodeResponse(encoder, view, false, '', noFields);
    frames.headers(this.id, encoder, false);
  }

  sendResponse(
    view: ResponseView,
    bodyFraming: Framing,
    body: BodyPiece,
    requestId: string,
    isHead: boolean,
    added: AddedFields,
  ): boolean {
    if (this.isClosed) return true;
    const isStream = bodyFraming === framing.chunked || bodyFraming === framing.close;
    const isBodyLess = bodyFraming === framing.none;
    const withLength = !isStream && view.status !== 204 && !(isBodyLess && view.chunked);
    const { encoder, frames } = this.#session;
    encodeResponse(encoder, view, withLength, requestId, added);
    const endsHere = (body.last && body.size === 0 && body.trailers.length === 0) || isHead;
    frames.headers(this.id, encoder, endsHere);
    if (!endsHere) return this.sendBody(body);
    this.#localEnded = true;
    return !this.#session.output.isBlocked;
  }

  sendBody(body: BodyPiece): boolean {
    if (this.isClosed || this.#localEnded) return true;
    const session = this.#session;
    if (body.last) this.#responseTrailers = body.trailers;
    if (
      this.#queue === null &&
      (body.size === 0 ||
        (!session.output.isBlocked &&
          body.size <= frameBytesMax &&
          body.size <= this.sendWindow &&
          body.size <= session.sendWindow))
    ) {
      if (body.size > 0 || body.last) this.#writePiece(body);
    } else {
      this.#queue ??= new ByteQueue();
      this.#queue.appendPiece(body);
      this.#queueIsLast = body.last;
      this.#pumpAll();
    }
    if (this.isClosed || (this.#queue === null && !session.output.isBlocked)) return true;
    this.#wantsDrain = !body.last;
    session.waits(this);
    return false;
  }

  sendLocal(
    status: number,
    fields: string,
    contentType: string,
    body: string | Buffer,
    requestId: string,
    isHead: boolean,
  ): true {
    if (this.isClosed) return true;
    const { encoder, frames } = this.#session;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    encodeLocal(encoder, status, fields, contentType, bytes.length, requestId);
    frames.headers(this.id, encoder, isHead);
    if (isHead) this.#localEnded = true;
    else {
      localPiece.reset(bytes, false);
      localPiece.add(0, bytes.length);
      localPiece.last = true;
      this.sendBody(localPiece);
    }
    return true;
  }

  /** Upgrades are HTTP/1.1's: no exchange of this protocol asks for one. */
  startTunnel(): boolean {
    throw new Error('assertion failed: HTTP/2 has no upgrade');
  }

  sendTunnel(): boolean {
    return this.startTunnel();
  }

  endTunnel(): void {
    this.startTunnel();
  }

  abort(): void {
    if (!this.isClosed) this.#cut(errorCode.internalError);
  }

  exchangeDone(): void {
    this.#exchange = null;
    this.#releaseView();
    this.#settle();
  }

  /** An answer to a request whose head could not be read: it never has an exchange. */
  answerRefused(status: number, contentType: string, body: string, requestId: string): void {
    this.#hasBegun = true;
    this.#releaseView();
    this.sendLocal(status, '', contentType, body, requestId, false);
  }

  /** Sends one frame of what is queued; true when there is more that could go at once. */
  pumpFrame(): boolean {
    const queue = this.#queue;
    const session = this.#session;
    if (queue === null) return false;
    const size = Math.min(queue.size, frameBytesMax, this.sendWindow, session.sendWindow);
    if (size <= 0) return false;
    const isLast = this.#queueIsLast && size === queue.size;
    const at = this.#writeDataHead(size, isLast);
    queue.bytes.copy(session.output.chunk, at, queue.start, queue.start + size);
    session.output.at = at + size;
    this.#sent(size);
    queue.consume(size);
    if (queue.size === 0) this.#queue = null;
    this.#moveSendDeadline();
    if (isLast) this.#endLocal();
    return this.#queue !== null && this.sendWindow > 0;
  }

  /** It has nothing queued and its exchange waits for that. */
  get isDrained(): boolean {
    return this.#queue === null;
  }

  tellDrained(): void {
    if (!this.#wantsDrain) return;
    this.#wantsDrain = false;
    this.#exchange?.onClientDrain();
  }

  #pumpAll(): void {
    while (!this.#session.output.isBlocked && this.pumpFrame());
    this.#moveSendDeadline();
  }

  #writePiece(body: BodyPiece): void {
    // Trailers alone end a stream as well as an empty frame in front of them would.
    if (body.size > 0 || this.#responseTrailers.length === 0) {
      const { output } = this.#session;
      const at = this.#writeDataHead(body.size, body.last);
      output.at = body.copyTo(output.chunk, at);
      this.#sent(body.size);
    }
    if (body.last) this.#endLocal();
  }

  #writeDataHead(size: number, isLast: boolean): number {
    const endsHere = isLast && this.#responseTrailers.length === 0;
    return this.#session.frames.dataHead(this.id, size, endsHere);
  }

  #sent(size: number): void {
    this.sendWindow -= size;
    this.#session.sendWindow -= size;
    this.#session.sentData();
  }

  #endLocal(): void {
    this.#localEnded = true;
    if (this.#responseTrailers.length > 0) {
      const { encoder, frames } = this.#session;
      encoder.begin();
      encodeLines(encoder, this.#responseTrailers);
      frames.headers(this.id, encoder, true);
    }
    this.#settle();
  }

  /** Over once the response is out and its exchange done. A body still coming is asked to stop. */
  #settle(): void {
    if (this.isClosed || !this.#localEnded || this.#exchange !== null) return;
    if (!this.remoteEnded) this.#session.resetLate(this.id);
    this.#close(!this.remoteEnded);
  }

  #cut(code: ErrorCode): void {
    this.#session.context.metrics.http2.resets.edge.value++;
    this.#session.frames.reset(this.id, code);
    this.#close(true);
  }

  #close(wasReset: boolean): void {
    this.isClosed = true;
    this.#held = null;
    this.#queue = null;
    this.#clock?.stop();
    if (this.#uncredited > 0) this.#credit();
    if (!this.#hasBegun) this.#releaseView();
    this.#session.closed(this, wasReset);
  }

  #releaseView(): void {
    const view = this.#view;
    this.#view = null;
    if (view !== null) this.#session.context.views.give(view);
  }

  get #timeouts(): RouteTimeouts {
    return this.#exchange?.timeouts ?? this.#session.context.snapshot.defaultTimeouts;
  }

  #moveBodyDeadline(): void {
    if (this.remoteEnded || this.#isPaused) this.#clock?.awaitNoBody();
    else {
      const { bodyBytesPerSecondMin } = this.#session.context.snapshot.limits;
      this.#clock?.awaitBody(this.#timeouts.bodyIdleMs, bodyBytesPerSecondMin);
    }
  }

  /** Runs while data waits for a window; a socket that takes nothing is the session's to watch. */
  #moveSendDeadline(): void {
    if (this.#queue === null || this.isClosed) {
      this.#clock?.awaitNoSend();
      return;
    }
    this.#clock ??= new StreamClock(this.#session.context.deadlines, this);
    this.#clock.awaitSend(this.#timeouts.sendMs);
  }
}
