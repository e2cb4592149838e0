/**
 * One request on an HTTP/2 session. What `node:http2` reports becomes the same calls an HTTP/1.1
 * connection makes: a response view, pieces of body, trailers with the last one, or a failure.
 *
 * Flow control is HTTP/2's own: a stream that is not read gets no further credit, a write that finds no
 * credit says so, and the client waits.
 *
 * Trailers of a request go out when `node:http2` asks for them, which it does on streams opened with `waitForTrailers`
 * alone: on those of upstreams that are said to take them (`docs/decisions/request-trailers.md`).
 */
import http2, { type ClientHttp2Stream } from 'node:http2';
import { monotonicMs } from '#core/clock.ts';
import type { DeadlineTable, Expiring } from '#core/deadline-table.ts';
import {
  informationalMax,
  responseHeadBytesMax,
  responseHeadersMax,
} from '#waf/response-bounds.ts';
import { ResponseView } from '#waf/response-view.ts';
import { type Framing, framing } from '../http1/body-decoder.ts';
import { BodyPiece } from '../http1/body-piece.ts';
import { encodeBody } from '../http1/encode-body.ts';
import { complete, problemOf } from '../http1/parse-problem.ts';
import { parseResponse } from '../http1/parse-response.ts';
import { decodeTrailers, encodeTrailers, trailerBytesMax } from '../http1/trailers.ts';
import { responseHead } from './http2-head.ts';
import type {
  ResponseReceiver,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamStream,
} from './upstream-stream.ts';

/** The session, as a stream needs it. */
export interface Http2Carrier {
  readonly deadlines: DeadlineTable;
  /** Throws where the session takes no further stream. */
  request(request: UpstreamRequest): ClientHttp2Stream;
  /** What to make of a stream that ended before its response did. */
  failureOf(stream: ClientHttp2Stream): UpstreamFailure;
  /** The server let a request time out: it may be gone. */
  suspect(): void;
  /** The stream's place is free again. */
  leave(): void;
}

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_FLAG_END_STREAM } =
  http2.constants;
const noBytes: Buffer = Buffer.alloc(0);
const view = new ResponseView(responseHeadersMax);
const piece = new BodyPiece();

export class Http2Stream implements UpstreamStream, Expiring {
  deadlineAt = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly #carrier: Http2Carrier;
  #stream: ClientHttp2Stream | null = null;
  #receiver: ResponseReceiver | null = null;
  #responded = false;
  #hasNoBody = false;
  /** The server has said that the response is whole. */
  #ended = false;
  /** It was not read for a while, so its close may be known before its last bytes are read. */
  #hasPaused = false;
  /** What the content length leaves to come, -1 without one. */
  #remaining = -1;
  #requestDone = false;
  #requestTrailers = noBytes;
  #responseTrailers = noBytes;
  #informational = 0;
  #left = false;

  constructor(carrier: Http2Carrier) {
    this.#carrier = carrier;
  }

  /** False once it has failed, so that nobody takes a dead stream for one that is ready. */
  get isConnected(): boolean {
    return !this.#left;
  }

  send(receiver: ResponseReceiver, request: UpstreamRequest): boolean {
    this.#receiver = receiver;
    let stream: ClientHttp2Stream;
    try {
      stream = this.#carrier.request(request);
    } catch (error) {
      // The session ended between being picked and being used.
      const reason = error instanceof Error ? error.message : String(error);
      process.nextTick(() => this.#fail({ kind: 'unprocessed', reason }));
      this.#leave();
      return true;
    }
    this.#stream = stream;
    this.#carrier.deadlines.add(this);
    stream.on('headers', (headers, _flags, raw) =>
      this.#onInformational(headers[':status'] ?? 0, raw as unknown as readonly string[]),
    );
    stream.on('response', (headers, flags, raw) =>
      this.#onResponse(headers[':status'] ?? 0, flags, raw as unknown as readonly string[]),
    );
    stream.on('trailers', (_headers, _flags, raw) =>
      this.#onTrailers(raw as unknown as readonly string[]),
    );
    if (request.mayTrail) stream.on('wantTrailers', () => this.#sendTrailers(stream));
    stream.on('drain', () => this.#onDrain());
    // What went wrong is read from the stream when it closes.
    stream.on('error', () => {});
    stream.on('close', () => this.#onClose(stream));
    return this.#write(request.body, request.last, request.trailers);
  }

  sendBody(body: BodyPiece): boolean {
    const bytes = body.size === 0 ? noBytes : encodeBody(body, framing.length);
    return this.#write(bytes, body.last, body.trailers);
  }

  /** HTTP/2 upstreams get no tunnels: an upgrade never reaches one. */
  sendTunnel(): boolean {
    return true;
  }

  endTunnel(): void {}

  pause(): void {
    this.#hasPaused = true;
    this.#stream?.pause();
    // While the client is not reading, its own deadline rules.
    this.deadlineAt = Number.POSITIVE_INFINITY;
  }

  resume(): void {
    if (this.#receiver !== null) this.#moveDeadline(this.#receiver);
    this.#stream?.resume();
  }

  abort(): void {
    this.#receiver = null;
    this.#end(NGHTTP2_CANCEL);
  }

  onDeadline(): void {
    if (!this.#responded) this.#carrier.suspect();
    this.#fail({ kind: 'timeout', reason: 'upstream did not answer in time' });
  }

  /** All of the body is on its way. What has been taken back wants nothing more. */
  #sendTrailers(stream: ClientHttp2Stream): void {
    if (stream.destroyed || stream.closed) return;
    const fields: Record<string, string[]> = Object.create(null);
    const pairs = decodeTrailers(this.#requestTrailers);
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const name = (pairs[i] as string).toLowerCase();
      (fields[name] ??= []).push(pairs[i + 1] as string);
    }
    try {
      stream.sendTrailers(fields);
    } catch {
      // It is asked from within the session: nothing may be thrown there.
      stream.close(NGHTTP2_INTERNAL_ERROR);
    }
  }

  #write(bytes: Buffer, last: boolean, trailers: Buffer): boolean {
    const receiver = this.#receiver;
    const stream = this.#stream;
    if (stream === null || receiver === null || stream.destroyed) return true;
    this.#requestDone = last;
    if (last && trailers.length > 0) this.#requestTrailers = Buffer.from(trailers);
    let writable = true;
    if (last) stream.end(bytes.length === 0 ? undefined : bytes);
    else if (bytes.length > 0) writable = stream.write(bytes);
    if (!this.#responded) {
      if (last) this.deadlineAt = monotonicMs() + receiver.responseMs;
      // The origin does not keep up with the body: the client waits for it, and it has this long.
      else this.deadlineAt = writable ? Number.POSITIVE_INFINITY : monotonicMs() + receiver.sendMs;
    }
    return writable;
  }

  #moveDeadline(receiver: ResponseReceiver): void {
    if (this.#responded) this.deadlineAt = monotonicMs() + receiver.sendMs;
    else
      this.deadlineAt = this.#requestDone
        ? monotonicMs() + receiver.responseMs
        : Number.POSITIVE_INFINITY;
  }

  #onDrain(): void {
    const receiver = this.#receiver;
    if (receiver === null) return;
    if (!this.#responded) this.#moveDeadline(receiver);
    receiver.onUpstreamDrain();
  }

  #onInformational(status: number, raw: readonly string[]): void {
    if (this.#receiver === null || status === 100) return;
    if (++this.#informational > informationalMax) {
      this.#protocol('upstream sent too many informational responses');
      return;
    }
    if (this.#parse(status, raw)) this.#receiver.onInformational(view);
  }

  #parse(status: number, raw: readonly string[]): boolean {
    const bytes = responseHead(status, raw);
    const result = parseResponse(view, bytes, 0, bytes.length, responseHeadBytesMax);
    if (result !== complete) this.#protocol(`upstream response: ${problemOf(result).reason}`);
    else if (view.chunked) this.#protocol('upstream sent a transfer coding in HTTP/2');
    else return true;
    return false;
  }

  #onResponse(status: number, flags: number, raw: readonly string[]): void {
    const receiver = this.#receiver;
    const stream = this.#stream;
    if (receiver === null || stream === null || !this.#parse(status, raw)) return;
    this.#responded = true;
    let kind: Framing = view.contentLength >= 0 ? framing.length : framing.chunked;
    this.#remaining = view.contentLength;
    this.#hasNoBody = receiver.isHead || status === 204 || status === 304;
    if (this.#hasNoBody) kind = framing.none;
    piece.reset(noBytes, false);
    piece.last = (flags & NGHTTP2_FLAG_END_STREAM) !== 0;
    if (piece.last) this.#finish();
    else {
      this.#moveDeadline(receiver);
      this.#watchEnd(stream);
      stream.on('data', (bytes: Buffer) => this.#onData(bytes));
      stream.on('end', () => this.#onEnd());
    }
    receiver.onResponse(view, kind, piece);
  }

  #onData(bytes: Buffer): void {
    const receiver = this.#receiver;
    if (receiver === null) return;
    if (this.#hasNoBody) {
      this.#protocol('upstream sent a body with a response that has none');
      return;
    }
    this.deadlineAt = monotonicMs() + receiver.sendMs;
    if (this.#remaining >= 0) this.#remaining -= bytes.length;
    piece.reset(bytes, false);
    piece.add(0, bytes.length);
    receiver.onResponseBody(piece);
  }

  /**
   * `node:http2` emits `end` after END_STREAM, and just the same when the connection is closed or the
   * stream reset with NO_ERROR in the middle of a body: a part would pass for the whole. The two differ
   * in the moment the reading side is ended, before or after the stream counts as closed. Where the stream
   * was paused, both sides' ends are known before the last bytes are read; then a close without an error is
   * an end, as a lost connection closes its streams with CANCEL. What has a length is held to it.
   */
  #watchEnd(stream: ClientHttp2Stream): void {
    const { push } = stream;
    stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      if (chunk === null)
        this.#ended ||= !stream.closed || (this.#hasPaused && stream.rstCode === NGHTTP2_NO_ERROR);
      return push.call(stream, chunk, encoding);
    };
  }

  #onTrailers(raw: readonly string[]): void {
    // The section that follows a body carries END_STREAM (RFC 9113 section 8.1).
    this.#ended = true;
    let size = 0;
    for (const text of raw) size += text.length + 2;
    if (size > trailerBytesMax) this.#protocol('upstream response: too long trailer section');
    else this.#responseTrailers = encodeTrailers(raw);
  }

  #onEnd(): void {
    const receiver = this.#receiver;
    // Otherwise its close says what became of it.
    if (receiver === null || !this.#ended) return;
    if (this.#remaining > 0 && !this.#hasNoBody) {
      this.#protocol('upstream response ended before its length');
      return;
    }
    this.#finish();
    piece.reset(noBytes, false);
    piece.last = true;
    piece.trailers = this.#responseTrailers;
    receiver.onResponseBody(piece);
  }

  /** The response has ended; what is left of the request is of no use to anyone. */
  #finish(): void {
    this.#receiver = null;
    if (this.#requestDone) this.#stream?.resume();
    else this.#end(NGHTTP2_CANCEL);
    this.#carrier.deadlines.remove(this);
  }

  #onClose(stream: ClientHttp2Stream): void {
    if (this.#receiver !== null) this.#fail(this.#carrier.failureOf(stream));
    this.#leave();
  }

  #protocol(reason: string): void {
    this.#fail({ kind: 'protocol', reason });
  }

  #fail(failure: UpstreamFailure): void {
    const receiver = this.#receiver;
    this.#receiver = null;
    this.#end(NGHTTP2_CANCEL);
    receiver?.onUpstreamFailure(failure);
  }

  #end(code: number): void {
    this.#carrier.deadlines.remove(this);
    const stream = this.#stream;
    if (stream === null) this.#leave();
    else if (!stream.closed) stream.close(code);
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#carrier.deadlines.remove(this);
    this.#carrier.leave();
  }
}
