/** What an exchange needs of the connection its request came in on, whatever HTTP version that speaks. */
import type { ResponseView } from '#waf/response-view.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import type { AddedFields } from './header-edits.ts';
import type { Framing } from './http1/body-decoder.ts';
import type { BodyPiece } from './http1/body-piece.ts';

export interface ClientSide {
  /** Address of the peer as the socket shows it, IPv4-mapped ones as IPv4. */
  readonly peer: string;
  readonly isTls: boolean;
  /** Index of the listener it came in by. */
  readonly listener: number;
  readonly facts: ConnectionFacts;
  /** The whole request body has been read. */
  readonly requestDone: boolean;

  sendContinue(): void;
  sendInformational(view: ResponseView): void;
  /** False asks to wait for `onClientDrain`. */
  sendResponse(
    view: ResponseView,
    bodyFraming: Framing,
    piece: BodyPiece,
    requestId: string,
    isHead: boolean,
    added: AddedFields,
  ): boolean;
  sendBody(piece: BodyPiece): boolean;
  /**
   * An answer of the edge's own. Closes the connection where the request was not read to its end. False where the
   * client is one that nothing is said to, and its connection is only closed.
   */
  sendLocal(
    status: number,
    fields: string,
    contentType: string,
    body: string | Buffer,
    requestId: string,
    isHead: boolean,
  ): boolean;
  startTunnel(view: ResponseView, requestId: string): boolean;
  sendTunnel(bytes: Buffer): boolean;
  endTunnel(): void;
  pauseBody(): void;
  resumeBody(): void;
  /** Cuts the connection: the response cannot be completed. */
  abort(): void;
  /** The response has been written whole; the connection goes on or closes. */
  exchangeDone(): void;
}
