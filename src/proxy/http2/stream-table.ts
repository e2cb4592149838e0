/**
 * The streams of one session: opened, fed, reset and forgotten, with the windows they share.
 *
 * Whatever a client makes us reset ends the work done for it at once, and comes out of an allowance: it
 * cannot have more requests worked on than streams may be open (CVE-2023-44487, CVE-2025-8671).
 */
import type { RequestView } from '#waf/request-view.ts';
import type { ConnectionFacts } from '../connection-facts.ts';
import type { ProxyContext } from '../context.ts';
import type { ParseProblem } from '../http1/parse-problem.ts';
import { recordUnread, refuseUnread } from '../refuse-unread.ts';
import type { Allowances } from './allowance.ts';
import { ClosedStreams } from './closed-streams.ts';
import { type ErrorCode, errorCode } from './error-code.ts';
import { type Fault, faults } from './fault.ts';
import type { FieldList } from './field-list.ts';
import { initialWindow, windowMax } from './frame.ts';
import type { FrameWriter } from './frame-writer.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import type { Malformation } from './http2-metrics.ts';
import { LateResets } from './late-resets.ts';
import { sessionWindow, streamsMax, unreadAnswersMax } from './limits.ts';
import type { Output } from './output.ts';
import { readRequest } from './request-head.ts';
import { Http2Stream } from './stream.ts';
import type { StreamSession } from './stream-session.ts';

/** Whose streams they are. */
export interface StreamOwner {
  readonly facts: ConnectionFacts;
  readonly context: ProxyContext;
  readonly output: Output;
  readonly frames: FrameWriter;
  readonly allowances: Allowances;
  /** No further stream is served. */
  readonly isLeaving: boolean;
  /** Nothing of the streams is wanted any more. */
  readonly isOver: boolean;
  end(fault: Fault): void;
  /** Begins the orderly end: nothing that is on its way is lost. */
  drain(): void;
  onLastStreamClosed(): void;
}

export class StreamTable implements StreamSession {
  readonly facts: ConnectionFacts;
  readonly context: ProxyContext;
  readonly encoder = new HpackEncoder();
  readonly frames: FrameWriter;
  readonly output: Output;
  readonly ended = new ClosedStreams();
  sendWindow: number = initialWindow;
  /** The highest stream the client has opened. */
  lastId = 0;
  readonly #owner: StreamOwner;
  readonly #streams = new Map<number, Http2Stream>();
  /** Streams with data that waits, in the order of their turns. */
  readonly #waiting = new Set<Http2Stream>();
  readonly #lateResets: LateResets;
  #receiveWindow = sessionWindow;
  #credits = 0;
  #requests = 0;
  /**
   * Streams of this read: their bodies may begin in it. And so may their resets: a request that is taken back
   * in the read that brought it costs neither rules nor an upstream.
   */
  #unbegun: Http2Stream[] = [];

  constructor(owner: StreamOwner) {
    this.#owner = owner;
    this.facts = owner.facts;
    this.context = owner.context;
    this.frames = owner.frames;
    this.output = owner.output;
    this.#lateResets = new LateResets(owner.frames, owner.context.deadlines);
  }

  get size(): number {
    return this.#streams.size;
  }

  get(id: number): Http2Stream | undefined {
    return this.#streams.get(id);
  }

  /** A request whose head is in `fields`. */
  open(
    id: number,
    fields: FieldList,
    endStream: boolean,
    dependsOnItself: boolean,
    window: number,
  ): Fault | null {
    const { context } = this;
    const { http2 } = context.metrics;
    this.lastId = id;
    if (this.#streams.size >= streamsMax || this.#owner.isLeaving) {
      this.ended.add(id, true);
      http2.resets.refused.value++;
      this.frames.reset(id, errorCode.refusedStream);
      return this.#owner.allowances.spend('provoked-resets') ?? this.checkUnread();
    }
    if (++this.#requests === context.snapshot.limits.requestsPerConnectionMax) {
      context.metrics.connections.lastRequest.value++;
      this.#owner.drain();
    }
    const view = context.views.take();
    const problem = readRequest(view, fields, context.snapshot.limits, endStream);
    const stream = new Http2Stream(this, id, view, window, endStream);
    this.#streams.set(id, stream);
    http2.streamsOpen.value++;
    if (dependsOnItself) return this.reset(stream, errorCode.protocolError);
    if (problem === null) {
      this.#unbegun.push(stream);
      return null;
    }
    if (problem.kind === 'reset') {
      this.malformed(stream, problem.reason);
      return null;
    }
    const answer = refuseUnread(context, this.facts, problem, 'HTTP/2.0');
    stream.answerRefused(problem.status, answer.contentType, answer.body, answer.requestId);
    return null;
  }

  /** The read is used up: what has begun neither with a body nor been reset begins now. */
  beginUnbegun(): void {
    if (this.#unbegun.length === 0) return;
    const streams = this.#unbegun;
    this.#unbegun = [];
    for (const stream of streams) if (stream.unbegun !== null && !stream.isClosed) stream.begin();
  }

  /** Takes DATA out of the session's window; false when the client has sent more than that. */
  receive(count: number): boolean {
    this.#receiveWindow -= count;
    return this.#receiveWindow >= 0;
  }

  /** The client's initial window has changed by `change`, which may make windows negative (6.9.2). */
  moveWindows(change: number): Fault | null {
    if (change === 0) return null;
    for (const stream of this.#streams.values())
      if (!stream.onWindowUpdate(change)) return faults.flowControl;
    if (change > 0) this.pump();
    return null;
  }

  widen(increment: number): Fault | null {
    this.sendWindow += increment;
    if (this.sendWindow > windowMax) return faults.flowControl;
    this.pump();
    return null;
  }

  widenStream(stream: Http2Stream, increment: number): Fault | null {
    if (increment === 0) return this.reset(stream, errorCode.protocolError);
    if (!stream.onWindowUpdate(increment)) return this.reset(stream, errorCode.flowControlError);
    if (this.#waiting.has(stream)) this.pump();
    return null;
  }

  /** The client has cancelled. */
  cancel(stream: Http2Stream): void {
    this.context.metrics.http2.resets.client.value++;
    this.#abandon(stream, 'client reset the stream');
  }

  /** A stream's error that the client made us find. */
  reset(stream: Http2Stream, code: ErrorCode): Fault | null {
    return this.#refuse(stream, code, 'client broke the protocol');
  }

  malformed(stream: Http2Stream, reason: Malformation): void {
    this.context.metrics.http2.malformed[reason].value++;
    const fault = this.#refuse(stream, errorCode.protocolError, `malformed request: ${reason}`);
    if (fault !== null) this.#owner.end(fault);
  }

  #refuse(stream: Http2Stream, code: ErrorCode, reason: string): Fault | null {
    if (stream.isClosed) return null;
    // What could not be read has no head to name.
    if (stream.unbegun !== null) this.#recordUnbegun(null, { status: 400, reason }, 'refused');
    stream.refuse(code, 400, reason);
    return this.#owner.allowances.spend('provoked-resets') ?? this.checkUnread();
  }

  abandonAll(reason: string): void {
    this.#lateResets.drop();
    for (const stream of [...this.#streams.values()]) this.#abandon(stream, reason);
  }

  #abandon(stream: Http2Stream, reason: string): void {
    const view = stream.unbegun;
    if (view !== null) this.#recordUnbegun(view, { status: 499, reason }, 'aborted');
    stream.gone(reason);
  }

  #recordUnbegun(
    view: RequestView | null,
    problem: ParseProblem,
    outcome: 'refused' | 'aborted',
  ): void {
    recordUnread(this.context, this.facts, problem, outcome, 'HTTP/2.0', view);
  }

  /** Answers that pile up unread end the session. */
  checkUnread(): Fault | null {
    return this.frames.unreadAnswers > unreadAnswersMax ? faults.unreadAnswers : null;
  }

  credit(count: number): void {
    this.#credits += count;
    if (this.#credits < sessionWindow / 2 || this.#owner.isOver) return;
    this.#receiveWindow += this.#credits;
    this.frames.windowUpdate(0, this.#credits);
    this.#credits = 0;
  }

  waits(stream: Http2Stream): void {
    this.#waiting.add(stream);
  }

  sentData(): void {
    this.#owner.allowances.earn('window-updates', 4);
  }

  closed(stream: Http2Stream, wasReset: boolean): void {
    this.#streams.delete(stream.id);
    this.#waiting.delete(stream);
    this.ended.add(stream.id, wasReset);
    this.context.metrics.http2.streamsOpen.value--;
    if (this.#streams.size === 0) this.#owner.onLastStreamClosed();
  }

  resetLate(streamId: number): void {
    this.#lateResets.add(streamId);
  }

  /** What waits goes out in turns, a frame each, while windows and socket take it. */
  pump(): void {
    for (const stream of this.#waiting) {
      if (this.output.isBlocked) return;
      const hasMore = stream.pumpFrame();
      if (stream.isDrained) {
        this.#waiting.delete(stream);
        stream.tellDrained();
      } else if (hasMore && this.sendWindow > 0) {
        // Behind the others: what enters a set that is being walked over comes at its end.
        this.#waiting.delete(stream);
        this.#waiting.add(stream);
      }
    }
  }
}
