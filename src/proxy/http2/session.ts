/**
 * One client's HTTP/2 connection (RFC 9113): its socket, its turns, its time limits and its end.
 *
 * ```
 * preface ─► SETTINGS ─► frames ─► … ─► GOAWAY, streams finish ─► closed
 *    └──────────┴──────────┴─ any session error, any flood: GOAWAY ─► linger ─► closed
 * ```
 *
 * Frames are dealt with in order and at once; nothing a client sends waits here but what its own windows
 * allow. After `framesPerTurnMax` of them other sessions have their turn.
 */
import type { Socket } from 'node:net';
import { monotonicMs } from '#core/clock.ts';
import type { Expiring } from '#core/deadline-table.ts';
import type { ConnectionFacts } from '../connection-facts.ts';
import type { ProxyContext } from '../context.ts';
import { readShared } from '../shared-reads.ts';
import { Allowances } from './allowance.ts';
import { errorCode } from './error-code.ts';
import { type Fault, faults } from './fault.ts';
import { frameType, initialWindow, preface, streamIdMax } from './frame.ts';
import { FrameHandler, type FrameOwner } from './frame-handler.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import type { SessionEnding } from './http2-metrics.ts';
import {
  framesPerTurnMax,
  goawayMs,
  lingerBytesMax,
  lingerMs,
  sessionWindow,
  streamsMax,
  streamWindow,
} from './limits.ts';
import { Output } from './output.ts';
import { ownSettings } from './peer-settings.ts';
import { StreamTable } from './stream-table.ts';

/** Tells our own PING from a client's. */
const drainPing = Buffer.from('draining', 'latin1');

const SERVING = 0;
/** The first GOAWAY of a drain is out: new streams are still served. */
const WARNED = 1;
/** The last stream is named: those that are open finish. */
const LEAVING = 2;
/** Our side is closed. */
const LINGERING = 3;
const CLOSED = 4;

export class Http2Session implements FrameOwner, Expiring {
  deadlineAt = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly facts: ConnectionFacts;
  readonly context: ProxyContext;
  readonly output: Output;
  readonly frames: FrameWriter;
  readonly allowances = new Allowances();
  readonly #socket: Socket;
  readonly #onClosed: (session: Http2Session) => void;
  readonly #reader = new FrameReader();
  readonly #streams: StreamTable;
  readonly #handler: FrameHandler;
  #state = SERVING;
  #prefaceHave = 0;
  /** What a turn left of a read. */
  #rest: Buffer | null = null;
  #isEnded = false;
  #lingered = 0;
  readonly #startedAt = monotonicMs();
  #idleSince = this.#startedAt;
  /** When the last stream is named, whether or not the client has answered the warning. */
  #leaveAt = 0;
  /** When a field block, or a frame that is no DATA, began to arrive; Infinity when none is. */
  #headSince = Number.POSITIVE_INFINITY;
  #blockedSince = Number.POSITIVE_INFINITY;

  constructor(
    socket: Socket,
    facts: ConnectionFacts,
    context: ProxyContext,
    onClosed: (session: Http2Session) => void,
  ) {
    this.#socket = socket;
    this.facts = facts;
    this.context = context;
    this.#onClosed = onClosed;
    this.output = new Output(socket, () => this.#onBlocked());
    this.frames = new FrameWriter(this.output);
    this.#streams = new StreamTable(this);
    this.#handler = new FrameHandler(this, this.#streams);
    context.deadlines.add(this);
    this.#moveDeadline();
    context.metrics.http2.sessionsTotal.value++;
    context.metrics.http2.sessionsOpen.value++;
    const { headBytesMax } = context.snapshot.limits;
    this.frames.settings(ownSettings(streamsMax, streamWindow, headBytesMax));
    this.frames.windowUpdate(0, sessionWindow - initialWindow);
    readShared(socket, (bytes) => this.#onData(bytes));
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  get isLeaving(): boolean {
    return this.#state >= LEAVING;
  }

  get isOver(): boolean {
    return this.#state >= LINGERING;
  }

  // ── from the client ───────────────────────────────────────────────────────────────────────────────

  #onData(bytes: Buffer): void {
    if (this.isOver) {
      this.#lingered += bytes.length;
      if (this.#lingered > lingerBytesMax) this.#socket.destroy();
    } else if (this.#rest !== null) this.#rest = Buffer.concat([this.#rest, bytes]);
    else this.#read(bytes);
  }

  #read(bytes: Buffer): void {
    const reader = this.#reader;
    let fault = this.#readPreface(bytes);
    let at = reader.position;
    for (let count = 0; fault === null && at < bytes.length && !this.isOver; count++) {
      if (count === framesPerTurnMax) {
        this.#yieldTurn(bytes.subarray(at));
        break;
      }
      if (!reader.next(bytes, at)) break;
      at = reader.position;
      fault = this.#handler.handle(reader);
    }
    if (fault !== null) this.end(fault);
    if (this.isOver) return;
    this.#streams.beginUnbegun();
    this.#moveDeadline();
  }

  /** Leaves the reader behind what there is of the preface. */
  #readPreface(bytes: Buffer): Fault | null {
    let at = 0;
    while (at < bytes.length && this.#prefaceHave < preface.length) {
      if (bytes[at++] !== preface[this.#prefaceHave++]) return faults.protocol;
    }
    this.#reader.position = at;
    return null;
  }

  /** Others have their turn before the rest of a read is looked at. */
  #yieldTurn(rest: Buffer): void {
    this.#rest = rest;
    this.#socket.pause();
    setImmediate(() => {
      const bytes = this.#rest;
      this.#rest = null;
      if (this.isOver || bytes === null) return;
      this.#read(bytes);
      if (this.#rest !== null) return;
      this.#socket.resume();
      if (this.#isEnded) this.#onEnd();
    });
  }

  onPingAnswer(bytes: Buffer, start: number): void {
    if (this.#state === WARNED && bytes.compare(drainPing, 0, 8, start, start + 8) === 0)
      this.#leave();
  }

  onGoaway(): void {
    this.#leave();
  }

  onLastStreamClosed(): void {
    this.#idleSince = monotonicMs();
    if (this.#state === LEAVING) this.#close('orderly');
    else this.#moveDeadline();
  }

  #onBlocked(): void {
    this.#blockedSince = monotonicMs();
    this.#moveDeadline();
  }

  #onDrain(): void {
    this.output.isBlocked = false;
    this.frames.unreadAnswers = 0;
    this.#blockedSince = Number.POSITIVE_INFINITY;
    if (this.isOver) return;
    this.#streams.pump();
    this.#moveDeadline();
  }

  // ── time ──────────────────────────────────────────────────────────────────────────────────────────

  #moveDeadline(): void {
    if (this.isOver) return;
    const { timeouts } = this.context.snapshot;
    const reader = this.#reader;
    // A DATA frame has the time its stream's body has.
    if (this.#handler.isInBlock || (reader.isPartial && reader.isPartialOf !== frameType.data)) {
      if (this.#headSince === Number.POSITIVE_INFINITY) this.#headSince = monotonicMs();
    } else this.#headSince = Number.POSITIVE_INFINITY;
    let at = Math.min(this.#blockedSince + timeouts.sendMs, this.#headSince + timeouts.headMs);
    if (!this.#handler.hasSettings) at = Math.min(at, this.#startedAt + timeouts.headMs);
    else if (this.#state === WARNED) at = Math.min(at, this.#leaveAt);
    else if (this.#streams.size === 0) at = Math.min(at, this.#idleSince + timeouts.idleMs);
    this.deadlineAt = at;
  }

  onDeadline(): void {
    const now = monotonicMs();
    const { timeouts } = this.context.snapshot;
    if (this.isOver) this.#socket.destroy();
    else if (this.#blockedSince + timeouts.sendMs <= now) {
      this.context.metrics.http2.sessionsEnded['send-time'].value++;
      this.#state = LINGERING;
      this.#socket.destroy();
    } else if (!this.#handler.hasSettings) this.end(faults.prefaceTime);
    else if (this.#headSince + timeouts.headMs <= now) this.end(faults.headTime);
    else if (this.#state === WARNED) this.#leave();
    else this.end(faults.idle);
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────

  /**
   * The worker drains. A request may be on its way that the client sent before it heard of this, so the
   * first GOAWAY names no stream; the second does when the client has answered (section 6.8). One that does
   * not answer has the time an idle connection has, and at least what a message takes.
   */
  drain(idleMs = goawayMs): void {
    if (this.#state !== SERVING) return;
    this.#state = WARNED;
    this.#leaveAt = monotonicMs() + Math.max(idleMs, goawayMs);
    this.frames.goaway(streamIdMax, errorCode.noError);
    this.frames.ping(drainPing, 0, false);
    this.#moveDeadline();
  }

  /** Names the last stream; those that are open finish. */
  #leave(): void {
    if (this.isLeaving) return;
    this.#state = LEAVING;
    this.frames.goaway(this.#streams.lastId, errorCode.noError);
    if (this.#streams.size === 0) this.#close('orderly');
    else this.#moveDeadline();
  }

  /** Ends the session and every stream of it. */
  end(fault: Fault): void {
    if (this.isOver) return;
    this.frames.goaway(this.#streams.lastId, fault.code);
    this.#close(fault.ending);
  }

  /** Closes our side, and reads on for a while so that no reset destroys what we said. */
  #close(ending: SessionEnding): void {
    this.context.metrics.http2.sessionsEnded[ending].value++;
    this.#state = LINGERING;
    this.deadlineAt = monotonicMs() + lingerMs;
    this.#streams.abandonAll('session ended');
    this.#reader.release();
    this.#handler.release();
    this.#rest = null;
    this.output.flush();
    this.#socket.end();
    this.#socket.resume();
    if (this.#isEnded) this.#socket.destroySoon();
  }

  /** The client has closed: no client of this protocol half-closes, so nobody waits for what is left. */
  #onEnd(): void {
    this.#isEnded = true;
    if (this.#rest !== null) return;
    if (this.isOver) {
      if (this.#socket.writableFinished) this.#socket.destroy();
      return;
    }
    this.#streams.abandonAll('client closed the connection');
    this.#leave();
  }

  #onClose(): void {
    if (this.#state === CLOSED) return;
    const { http2 } = this.context.metrics;
    if (!this.isOver) http2.sessionsEnded.orderly.value++;
    this.#state = CLOSED;
    http2.sessionsOpen.value--;
    this.context.deadlines.remove(this);
    this.#streams.abandonAll('client closed the connection');
    this.output.release();
    this.#onClosed(this);
  }
}
