/**
 * The request's side of the rules: what holds a request back until its modules have said yes.
 *
 * ```
 * head ─► modules ─► checks ─► no module wants the body ───────────────► forward
 *            │                 └► hold a window of it ─► modules ─► forward ─► rest: pass | inspect
 *            └ stop                 longer, and `block` ─► 413      └ stop
 * ```
 *
 * What is forwarded is what was inspected: the held bytes go on as they were shown, unless a filter that
 * saw the whole body has put another in its place.
 */
import { assert } from '#core/assert.ts';
import type { Stop } from '#waf/verdict.ts';
import { type BodyWindow, type PhaseAnswer, phase } from '#wasm/filter.ts';
import { BodyWindows } from './body-windows.ts';
import { HeldBody, windowOver } from './held-body.ts';
import type { BodyPiece } from './http1/body-piece.ts';
import { encodeTrailers } from './http1/trailers.ts';
import type { Inspection } from './inspection.ts';

export interface RequestGateOwner {
  /** What a request is refused for after its rules; answers it and says false. */
  mayForward(): boolean;
  /** Head and beginning of the body go to the upstream. */
  forward(piece: BodyPiece): void;
  /** A further piece, behind what went before. */
  forwardBody(piece: BodyPiece): void;
  stop(stop: Stop): void;
  refuseRequest(status: number, reason: string): void;
  /** Bytes of the body may come; a client that waits for a word is told. */
  wantBody(): void;
  /** No further bytes can be taken now. */
  pauseRequest(): void;
}

export type BeyondWindow = 'inspect' | 'pass' | 'block';

/** What comes next once the modules have answered. */
type Stage = 'head' | 'collecting' | 'body' | 'open';

export class RequestGate {
  readonly #owner: RequestGateOwner;
  readonly #inspection: Inspection;
  readonly #windowBytes: number;
  readonly #beyond: BeyondWindow;
  #stage: Stage = 'head';
  /** As modules were told with the head: one that waits for a body gets to see even an empty one. */
  #endOfStream = false;
  #held: HeldBody | null = null;
  /** For what comes behind the window. */
  #windows: BodyWindows | null = null;

  constructor(
    owner: RequestGateOwner,
    inspection: Inspection,
    windowBytes: number,
    beyond: BeyondWindow,
  ) {
    this.#owner = owner;
    this.#inspection = inspection;
    this.#windowBytes = windowBytes;
    this.#beyond = beyond;
  }

  /** `piece` came together with the head and is borrowed. */
  start(piece: BodyPiece): void {
    this.#endOfStream = piece.last && piece.size === 0 && piece.trailers.length === 0;
    const answer = this.#inspection.requestHead(this.#endOfStream);
    if (answer === 'wait') {
      this.#hold(piece);
      // A client that has sent all may go at any time, and only who reads its connection sees that.
      if (!piece.last) this.#owner.pauseRequest();
    } else if (answer !== null) this.#owner.stop(answer);
    else this.#afterHead(piece);
  }

  /** A further piece of the body, borrowed. */
  offer(piece: BodyPiece): void {
    if (this.#stage === 'open') {
      if (this.#windows !== null && !this.#inspectRest(this.#windows, piece, 0)) return;
      const trailers = piece.last ? this.#changedTrailers() : null;
      if (trailers !== null) {
        piece.trailers = encodeTrailers(trailers);
        piece.trailersAreVouchedFor = true;
      }
      this.#owner.forwardBody(piece);
      return;
    }
    const held = this.#hold(piece);
    if (this.#stage === 'collecting' && held.isReady) this.#showBody(held);
    else if (held.isReady && !piece.last) this.#owner.pauseRequest();
  }

  onInspected(stop: Stop | null): void {
    if (stop !== null) this.#owner.stop(stop);
    else if (this.#stage === 'head') this.#afterHead(null);
    else this.#open(this.#held as HeldBody);
  }

  #hold(piece: BodyPiece): HeldBody {
    this.#held ??= new HeldBody(this.#windowBytes);
    this.#held.add(piece);
    return this.#held;
  }

  /** Null where the piece is held already. */
  #afterHead(piece: BodyPiece | null): void {
    if (!this.#owner.mayForward()) return;
    if (!this.#inspection.wants(phase.requestBody) || this.#endOfStream) {
      this.#stage = 'open';
      this.#owner.forward(piece ?? (this.#held as HeldBody).piece());
      return;
    }
    this.#stage = 'collecting';
    if (piece !== null && this.#inspection.looksAtOnce) {
      const window = windowOver(piece, this.#windowBytes);
      if (window !== null) {
        this.#showWhole(piece, window);
        return;
      }
    }
    const held = piece === null ? (this.#held as HeldBody) : this.#hold(piece);
    if (held.isReady) this.#showBody(held);
    else this.#owner.wantBody();
  }

  /** Goes on as it came. */
  #showWhole(piece: BodyPiece, window: BodyWindow): void {
    this.#stage = 'open';
    const stop = this.#inspection.requestBody(window);
    assert(stop !== 'wait', 'no module that looks at once waits');
    if (stop === null) this.#owner.forward(piece);
    else this.#owner.stop(stop);
  }

  #showBody(held: HeldBody): void {
    const enforces = this.#inspection.enforces(phase.requestBody);
    if (held.isBeyond && this.#beyond === 'block' && enforces) {
      this.#owner.refuseRequest(413, 'request body longer than rules look at');
      return;
    }
    this.#stage = 'body';
    const answer: PhaseAnswer = this.#inspection.requestBody(held.window(this.#beyond === 'pass'));
    if (answer === 'wait') {
      if (!held.isEnded) this.#owner.pauseRequest();
    } else if (answer !== null) this.#owner.stop(answer);
    else this.#open(held);
  }

  #open(held: HeldBody): void {
    const window = held.window();
    const { request, replacedRequestBody, isMonitored } = this.#inspection.transaction;
    const replaced = window.isWhole && !isMonitored ? replacedRequestBody : null;
    const trailers = this.#changedTrailers();
    if (replaced !== null) {
      // Trailers can only follow chunks.
      request.chunked = trailers !== null && request.chunked;
      request.contentLength = request.chunked ? -1 : replaced.length;
    }
    const piece = held.piece(replaced, window.isWhole ? trailers : null);
    piece.trailersAreVouchedFor = window.isWhole && trailers !== null;
    this.#held = null;
    if (!window.isWhole && this.#beyond === 'inspect') {
      this.#windows = new BodyWindows(this.#windowBytes, window.bytes);
      if (!this.#inspectRest(this.#windows, piece, window.bytes.length)) return;
    }
    this.#stage = 'open';
    this.#owner.forward(piece);
  }

  /** As filters have left them; null where they are as they came. */
  #changedTrailers(): readonly string[] | null {
    const { changedRequestTrailers, isMonitored } = this.#inspection.transaction;
    return isMonitored ? null : changedRequestTrailers;
  }

  /** What stands behind the window; false where it ended the request. */
  #inspectRest(windows: BodyWindows, piece: BodyPiece, skip: number): boolean {
    for (const window of windows.of(piece, skip)) {
      const answer = this.#inspection.requestBody(window);
      const stop = answer === 'wait' ? this.#inspection.giveUp() : answer;
      if (stop === null) continue;
      this.#owner.stop(stop);
      return false;
    }
    return true;
  }
}
