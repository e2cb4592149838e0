/**
 * The response's side of the rules: what holds a response back until its modules have said yes.
 *
 * A response streams: modules see each read of the body before it is sent, so nothing is held up that an
 * origin has sent, and what a module finds later cuts the response off. Only a filter that means to change
 * the body makes the edge wait for all of it, up to a window.
 */
import { assert } from '#core/assert.ts';
import { ResponseView } from '#waf/response-view.ts';
import type { Stop } from '#waf/verdict.ts';
import { type BodyWindow, type PhaseAnswer, phase } from '#wasm/filter.ts';
import { BodyWindows } from './body-windows.ts';
import { HeldBody, windowOver } from './held-body.ts';
import { type Framing, framing } from './http1/body-decoder.ts';
import type { BodyPiece } from './http1/body-piece.ts';
import { encodeTrailers } from './http1/trailers.ts';
import type { Inspection } from './inspection.ts';

export interface ResponseGateOwner {
  readonly isHead: boolean;
  respond(view: ResponseView, bodyFraming: Framing, piece: BodyPiece): void;
  respondBody(piece: BodyPiece): void;
  /** Answers in its place, or cuts what has begun. */
  stop(stop: Stop): void;
  pauseResponse(): void;
  /** What was paused goes on. */
  onClientDrain(): void;
}

type Stage = 'head' | 'collecting' | 'body' | 'open';

export class ResponseGate {
  readonly #owner: ResponseGateOwner;
  readonly #inspection: Inspection;
  readonly #windowBytes: number;
  #stage: Stage = 'head';
  /** As modules were told with the head. */
  #hasNoBody = false;
  /** Our own copy, where it is needed longer than the call. */
  #view: ResponseView | null = null;
  #framing: Framing = framing.none;
  /** -1: unknown. */
  #expectedBytes = -1;
  #held: HeldBody | null = null;
  #windows: BodyWindows | null = null;

  constructor(owner: ResponseGateOwner, inspection: Inspection, windowBytes: number) {
    this.#owner = owner;
    this.#inspection = inspection;
    this.#windowBytes = windowBytes;
  }

  /** View and piece are borrowed. */
  start(view: ResponseView, bodyFraming: Framing, piece: BodyPiece): void {
    this.#framing = bodyFraming;
    this.#expectedBytes = view.contentLength;
    this.#hasNoBody =
      (piece.last && piece.size === 0 && piece.trailers.length === 0) || this.#owner.isHead;
    const answer = this.#inspection.responseHead(view, this.#hasNoBody);
    if (answer === 'wait') {
      this.#view = copyOf(view);
      this.#inspection.transaction.response = this.#view;
      this.#hold(piece);
      this.#owner.pauseResponse();
    } else if (answer !== null) this.#owner.stop(answer);
    else this.#afterHead(view, piece);
  }

  offer(piece: BodyPiece): void {
    if (this.#stage === 'open') {
      if (this.#windows === null || this.#inspectStretch(this.#windows, piece))
        this.#owner.respondBody(piece);
      return;
    }
    const held = this.#hold(piece);
    if (this.#stage === 'collecting' && held.isReady)
      this.#showBody(held, this.#view as ResponseView);
    else if (held.isReady) this.#owner.pauseResponse();
  }

  onInspected(stop: Stop | null): void {
    if (stop !== null) {
      this.#owner.stop(stop);
      return;
    }
    const held = this.#held as HeldBody;
    if (this.#stage === 'head') this.#afterHead(this.#view as ResponseView, null);
    else this.#openWhole(held, this.#view as ResponseView);
    this.#owner.onClientDrain();
  }

  #hold(piece: BodyPiece): HeldBody {
    this.#held ??= new HeldBody(this.#windowBytes, this.#expectedBytes);
    this.#held.add(piece);
    return this.#held;
  }

  /** `piece` is null where it is held already. */
  #afterHead(view: ResponseView, piece: BodyPiece | null): void {
    const inspection = this.#inspection;
    const isEmpty = this.#hasNoBody;
    if (!isEmpty && inspection.wants(phase.buffersResponse)) {
      this.#stage = 'collecting';
      if (piece !== null && inspection.looksAtOnce) {
        const window = windowOver(piece, this.#windowBytes);
        if (window !== null) {
          this.#showWhole(view, piece, window);
          return;
        }
      }
      const held = piece === null ? (this.#held as HeldBody) : this.#hold(piece);
      // A body that came with its head is looked at while the view is still lent.
      if (held.isReady) this.#showBody(held, this.#view ?? view);
      else this.#view ??= copyOf(view);
      return;
    }
    const first = piece ?? (this.#held as HeldBody).piece();
    this.#held = null;
    this.#stage = 'open';
    if (!isEmpty && inspection.wants(phase.responseBody)) {
      this.#view ??= copyOf(view);
      this.#windows = new BodyWindows(this.#windowBytes);
      if (!this.#inspectStretch(this.#windows, first)) return;
    }
    this.#owner.respond(view, this.#framing, first);
  }

  /** Goes on as it came. */
  #showWhole(view: ResponseView, piece: BodyPiece, window: BodyWindow): void {
    this.#stage = 'open';
    const stop = this.#inspection.responseBody(view, window);
    assert(stop !== 'wait', 'no module that looks at once waits');
    if (stop === null) this.#owner.respond(view, this.#framing, piece);
    else this.#owner.stop(stop);
  }

  #showBody(held: HeldBody, view: ResponseView): void {
    this.#stage = 'body';
    const answer: PhaseAnswer = this.#inspection.responseBody(view, held.window());
    if (answer === 'wait') {
      this.#view ??= copyOf(view);
      this.#inspection.transaction.response = this.#view;
      this.#owner.pauseResponse();
    } else if (answer !== null) this.#owner.stop(answer);
    else this.#openWhole(held, view);
  }

  #openWhole(held: HeldBody, view: ResponseView): void {
    this.#stage = 'open';
    this.#held = null;
    const window = held.window();
    const { transaction } = this.#inspection;
    const replaced = window.isWhole ? transaction.replacedResponseBody : null;
    const trailers = window.isWhole ? this.#changedTrailers() : null;
    if (replaced !== null && !transaction.isMonitored) {
      // The origin's Content-Length is not this body's.
      this.#owner.respond(view, framing.chunked, held.piece(replaced, trailers));
      return;
    }
    const piece = held.piece(null, trailers);
    if (!window.isWhole && this.#inspection.wants(phase.responseBody)) {
      this.#view ??= copyOf(view);
      this.#windows = new BodyWindows(this.#windowBytes, window.bytes);
      if (!this.#inspectStretch(this.#windows, piece, window.bytes.length)) return;
    }
    this.#owner.respond(view, this.#framing, piece);
  }

  /** False where it ended the response. */
  #inspectStretch(windows: BodyWindows, piece: BodyPiece, skip = 0): boolean {
    for (const window of windows.of(piece, skip)) {
      const answer = this.#inspection.responseBody(this.#view as ResponseView, window);
      const stop = answer === 'wait' ? this.#inspection.giveUp() : answer;
      if (stop === null) continue;
      this.#owner.stop(stop);
      return false;
    }
    const trailers = piece.last ? this.#changedTrailers() : null;
    if (trailers !== null) piece.trailers = encodeTrailers(trailers);
    return true;
  }

  #changedTrailers(): readonly string[] | null {
    const { changedResponseTrailers, isMonitored } = this.#inspection.transaction;
    return isMonitored ? null : changedResponseTrailers;
  }
}

/** A view of the worker is filled anew with each response; this one stays. */
function copyOf(view: ResponseView): ResponseView {
  const copy = new ResponseView(view.headerCount);
  copy.bytes = Buffer.from(view.bytes.subarray(view.start, view.end));
  copy.end = copy.bytes.length;
  copy.major = view.major;
  copy.minor = view.minor;
  copy.status = view.status;
  copy.reasonStart = view.reasonStart - view.start;
  copy.reasonEnd = view.reasonEnd - view.start;
  copy.headerCount = view.headerCount;
  for (let i = 0; i < view.headerCount * 4; i++)
    copy.headers[i] = (view.headers[i] as number) - view.start;
  copy.kinds.set(view.kinds.subarray(0, view.headerCount));
  copy.contentLength = view.contentLength;
  copy.chunked = view.chunked;
  copy.connectionClose = view.connectionClose;
  copy.connectionKeepAlive = view.connectionKeepAlive;
  copy.connectionUpgrade = view.connectionUpgrade;
  copy.upgradeIndex = view.upgradeIndex;
  return copy;
}
