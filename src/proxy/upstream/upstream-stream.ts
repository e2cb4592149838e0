/**
 * One request at an upstream server and its response, whatever protocol is spoken there.
 *
 * `UpstreamCall` drives a stream and hears of it as its receiver; the pools (`http1-pool.ts`,
 * `http2-pool.ts`) hand streams out. Each protocol serialises the request itself, from the view.
 */
import type { RequestView } from '#waf/request-view.ts';
import type { ResponseView } from '#waf/response-view.ts';
import type { AskedTunnel } from '../asked-tunnel.ts';
import type { Forwarding } from '../forward-request.ts';
import type { Framing } from '../http1/body-decoder.ts';
import type { BodyPiece } from '../http1/body-piece.ts';

/** What ends a request at the upstream, as it is counted and answered. */
export type UpstreamFailure =
  | { readonly kind: 'connect'; readonly reason: string }
  | { readonly kind: 'connect-timeout'; readonly reason: string }
  | { readonly kind: 'timeout'; readonly reason: string }
  | { readonly kind: 'closed'; readonly reason: string; readonly reused: boolean }
  | { readonly kind: 'protocol'; readonly reason: string }
  /** A tunnel in which nobody said anything: the server has not failed. */
  | { readonly kind: 'silent'; readonly reason: string }
  /** The server has said that it did nothing with the request (HTTP/2 only). */
  | { readonly kind: 'unprocessed'; readonly reason: string };

/** A request as it can be sent, and sent again: its head, and what came of its body together with it. */
export interface UpstreamRequest {
  readonly view: RequestView;
  readonly forwarding: Forwarding;
  /** Payload, without framing. */
  readonly body: Buffer;
  /** The Host to send in place of the client's, or empty. */
  readonly authority: string;
  /** Lines that follow `body`, where it is the last of it. */
  readonly trailers: Buffer;
  /** Names that may follow the body, for the field Trailer; empty for none. */
  readonly trailerNames: string;
  /** Lines may follow the body, announced or not. */
  readonly mayTrail: boolean;
  /** The body ends with `body`. */
  readonly last: boolean;
}

export interface ResponseReceiver {
  /** Its request is a HEAD, so its response has no body. */
  readonly isHead: boolean;
  /** What its request asks the server to make of the connection. */
  readonly tunnel: AskedTunnel;
  readonly responseMs: number;
  readonly sendMs: number;
  readonly tunnelIdleMs: number;
  onConnected(): void;
  onInformational(view: ResponseView): void;
  /** `piece` is valid during the call only. After `piece.last` the stream is no longer the receiver's. */
  onResponse(view: ResponseView, bodyFraming: Framing, piece: BodyPiece): void;
  onResponseBody(piece: BodyPiece): void;
  onTunnel(view: ResponseView, first: Buffer): void;
  onTunnelData(bytes: Buffer): void;
  onTunnelEnd(): void;
  onUpstreamDrain(): void;
  onUpstreamFailure(failure: UpstreamFailure): void;
}

export interface UpstreamStream {
  readonly isConnected: boolean;
  /** Begins the request. False asks to wait for a drain. */
  send(receiver: ResponseReceiver, request: UpstreamRequest): boolean;
  sendBody(piece: BodyPiece): boolean;
  sendTunnel(bytes: Buffer): boolean;
  endTunnel(): void;
  pause(): void;
  resume(): void;
  /** Ends it without a word to the receiver, which has already decided. */
  abort(): void;
}

/** Who asked for a stream and has to wait; told once, with null when the wait was too long. */
export interface StreamTaker {
  onStream(stream: UpstreamStream | null): void;
  /** No stream will come: the connection waited for could not be made. */
  onUpstreamFailure(failure: UpstreamFailure): void;
}
