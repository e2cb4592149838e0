/**
 * An exchange of which somebody takes a copy (`capture.ts`). It is another class, so that requests of which nobody
 * does cost nothing but the question.
 */
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import type { Capture } from './capture.ts';
import type { ClientSide } from './client-side.ts';
import type { ProxyContext } from './context.ts';
import { Exchange } from './exchange.ts';
import type { Framing } from './http1/body-decoder.ts';
import type { BodyPiece } from './http1/body-piece.ts';

export function newExchange(
  context: ProxyContext,
  client: ClientSide,
  view: RequestView,
): Exchange {
  for (const observer of context.observers) {
    const capture = observer.capture?.(view) ?? null;
    if (capture !== null) return new CapturedExchange(context, client, view, capture);
  }
  return new Exchange(context, client, view);
}

class CapturedExchange extends Exchange {
  readonly #capture: Capture;

  constructor(context: ProxyContext, client: ClientSide, view: RequestView, capture: Capture) {
    super(context, client, view);
    this.#capture = capture;
  }

  override start(piece: BodyPiece): void {
    this.#capture.addBody(piece);
    super.start(piece);
  }

  override onRequestBody(piece: BodyPiece): void {
    this.#capture.addBody(piece);
    super.onRequestBody(piece);
  }

  override onResponse(view: ResponseView, bodyFraming: Framing, piece: BodyPiece): void {
    this.#capture.setResponse(view);
    this.#capture.addAnswer(piece);
    super.onResponse(view, bodyFraming, piece);
  }

  override onResponseBody(piece: BodyPiece): void {
    this.#capture.addAnswer(piece);
    super.onResponseBody(piece);
  }
}
