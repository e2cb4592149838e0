/**
 * The request as the upstream gets it: serialised from the view, without hop-by-hop fields, with the
 * edge's own about who the client is (RFC 7239 and the X-Forwarded fields that came before it).
 *
 * Order matters: what the client nominated for removal is taken out before the edge adds its own, so
 * `Connection: X-Forwarded-For` removes nothing of ours.
 */
import type { RequestView } from '#waf/request-view.ts';
import type { AddedFields } from './header-edits.ts';
import { framing } from './http1/body-decoder.ts';
import type { BodyPiece } from './http1/body-piece.ts';
import { encodedSizeMax, encodePiece } from './http1/encode-body.ts';
import { fieldKind } from './http1/field-kind.ts';
import {
  forwardingDrops,
  headSizeMax,
  hostDrop,
  type PrefixRewrite,
  requestDrops,
  writeFields,
  writeRequestLine,
} from './http1/write-head.ts';

export type Forwarding = {
  /** Empty for a request of the edge's own. */
  readonly peer: string;
  /** Who the client is: the peer, or the one a trusted proxy speaks for. */
  readonly client: string;
  readonly isTls: boolean;
  /** The peer is a trusted proxy, so what it says of its client stays and is added to. */
  readonly peerIsTrusted: boolean;
  /** Value of Client-Cert (RFC 9440); empty where the client showed no valid certificate. */
  readonly clientCertificate: string;
  readonly requestId: string;
  readonly isUpgrade: boolean;
  /** Kinds of fields dropped beside the usual ones. */
  readonly drops: number;
  /** The route's own fields. */
  readonly added: AddedFields;
  readonly rewrite: PrefixRewrite | null;
};

/** Head and first piece of the body in one buffer, for one write. */
export function forwardRequest(
  view: RequestView,
  piece: BodyPiece,
  facts: Forwarding,
  authority = '',
): Buffer {
  const bodyFraming = view.chunked
    ? framing.chunked
    : view.contentLength >= 0
      ? framing.length
      : framing.none;
  const isAbsolute = view.pathStart !== view.targetStart;
  const host =
    view.hostStart < 0 ? '' : view.bytes.toString('latin1', view.hostStart, view.hostEnd);
  let added = ownFields(view, facts, host);
  // Without an authority (HTTP/1.0 only) the field is sent empty (RFC 9112 section 3.2).
  const writesHost = isAbsolute || host === '' || authority !== '';
  if (writesHost) added = `Host: ${authority || host}\r\n${added}`;
  if (bodyFraming === framing.chunked) added += 'Transfer-Encoding: chunked\r\n';
  else if (bodyFraming === framing.length) added += `Content-Length: ${view.contentLength}\r\n`;
  if (facts.isUpgrade) added += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  added += '\r\n';

  const target = Buffer.allocUnsafe(
    headSizeMax(view, added.length) +
      (facts.rewrite?.to.length ?? 0) +
      encodedSizeMax(piece, bodyFraming),
  );
  const drops = forwardDrops(facts) | (writesHost ? hostDrop : 0);
  let at = writeRequestLine(view, facts.rewrite, target, 0);
  at = writeFields(view, drops, target, at);
  at += target.write(added, at, 'latin1');
  at = encodePiece(piece, bodyFraming, target, at);
  return target.subarray(0, at);
}

/** Fields of the client that stop here, beside Host: what the edge says itself, and hop-by-hop ones. */
export function forwardDrops(facts: Forwarding): number {
  return (
    requestDrops |
    facts.drops |
    (facts.peerIsTrusted ? 1 << fieldKind.xForwardedFor : forwardingDrops)
  );
}

/** `Name: value CR LF` lines the edge adds; `host` is what the client asked for. */
export function ownFields(view: RequestView, facts: Forwarding, host: string): string {
  const certificate =
    facts.clientCertificate === '' ? '' : `Client-Cert: ${facts.clientCertificate}\r\n`;
  return `${facts.added.lines}${certificate}${clientFields(view, facts, host)}`;
}

/** Who the client is, and the request's id. */
function clientFields(view: RequestView, facts: Forwarding, host: string): string {
  // A check of the edge's own has no client to speak of.
  if (facts.peer === '') return `X-Request-Id: ${facts.requestId}\r\n`;
  const proto = facts.isTls ? 'https' : 'http';
  const node = facts.peer.includes(':') ? `"[${facts.peer}]"` : facts.peer;
  const hostPart = host === '' ? '' : `;host="${host}"`;
  const element = `for=${node}${hostPart};proto=${proto}`;
  if (!facts.peerIsTrusted) {
    const hostField = host === '' ? '' : `X-Forwarded-Host: ${host}\r\n`;
    return `X-Forwarded-For: ${facts.peer}\r\nX-Forwarded-Proto: ${proto}\r\n${hostField}Forwarded: ${element}\r\nX-Request-Id: ${facts.requestId}\r\n`;
  }
  // A trusted proxy's X-Forwarded-Proto, -Host and Forwarded stay as they came; the chain of addresses grows.
  let chain = '';
  let protoField = `X-Forwarded-Proto: ${proto}\r\n`;
  for (let i = 0; i < view.headerCount; i++) {
    const kind = view.kinds[i];
    if (kind === fieldKind.xForwardedFor) chain += `${view.headerValue(i)}, `;
    else if (
      kind === fieldKind.forwarding &&
      view.headerName(i).toLowerCase() === 'x-forwarded-proto'
    ) {
      protoField = '';
    }
  }
  return `X-Forwarded-For: ${chain}${facts.peer}\r\n${protoField}Forwarded: ${element}\r\nX-Request-Id: ${facts.requestId}\r\n`;
}
