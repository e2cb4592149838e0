/**
 * The request as the upstream gets it: serialised from the view, without hop-by-hop fields, with the
 * edge's own about who the client is (RFC 7239 and the X-Forwarded fields that came before it).
 *
 * Order matters: what the client nominated for removal is taken out before the edge adds its own, so
 * `Connection: X-Forwarded-For` removes nothing of ours.
 */
import type { RequestView } from '#waf/request-view.ts';
import { type AskedTunnel, hasAuthorityForm } from './asked-tunnel.ts';
import { type ForwardedFields, forwardedElement } from './forwarded-fields.ts';
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
  readonly tunnel: AskedTunnel;
  /** The connection's own, null for a request of the edge's own. */
  readonly forwarded: ForwardedFields | null;
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
  trailerNames = '',
): Buffer {
  const bodyFraming = view.chunked
    ? framing.chunked
    : view.contentLength >= 0
      ? framing.length
      : framing.none;
  // The authority of the target counts, where there is one (RFC 9112 sections 3.2.2 and 3.2.3).
  const namesAuthority = view.pathStart !== view.targetStart || hasAuthorityForm(view);
  // Without an authority (HTTP/1.0 only) the field is sent empty (RFC 9112 section 3.2).
  const writesHost = namesAuthority || view.hostStart < 0 || authority !== '';
  let added = routeFields(facts);
  if (writesHost) added = `Host: ${authority || hostOf(view)}\r\n${added}`;
  const known = knownFields(view, facts);
  if (known === null) added += clientFields(view, facts);
  let end = `${facts.requestId}\r\n`;
  if (bodyFraming === framing.chunked) {
    end += 'Transfer-Encoding: chunked\r\n';
    if (trailerNames !== '') end += `Trailer: ${trailerNames}\r\n`;
  } else if (bodyFraming === framing.length) end += `Content-Length: ${view.contentLength}\r\n`;
  if (facts.tunnel === 'websocket') end += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  end += '\r\n';

  const target = Buffer.allocUnsafe(
    headSizeMax(view, added.length + end.length) +
      (known?.bytes.length ?? 0) +
      (facts.rewrite?.to.length ?? 0) +
      encodedSizeMax(piece, bodyFraming),
  );
  const drops = forwardDrops(facts) | (writesHost ? hostDrop : 0);
  let at = writeRequestLine(view, facts.rewrite, target, 0);
  at = writeFields(view, drops, target, at);
  if (added !== '') at += target.write(added, at, 'latin1');
  if (known !== null) at += known.bytes.copy(target, at);
  at += target.write(end, at, 'latin1');
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

/** `Name: value CR LF` lines the edge adds. */
export function ownFields(view: RequestView, facts: Forwarding): string {
  const known = knownFields(view, facts);
  const client = known === null ? clientFields(view, facts) : known.lines;
  return `${routeFields(facts)}${client}${facts.requestId}\r\n`;
}

export const hostOf = (view: RequestView): string =>
  view.hostStart < 0 ? '' : view.bytes.toString('latin1', view.hostStart, view.hostEnd);

/** The usual one without a call into native code. */
export function methodOf({ bytes, start, methodEnd }: RequestView): string {
  const isGet =
    methodEnd - start === 3 &&
    bytes[start] === 71 &&
    bytes[start + 1] === 69 &&
    bytes[start + 2] === 84;
  return isGet ? 'GET' : bytes.toString('latin1', start, methodEnd);
}

function routeFields(facts: Forwarding): string {
  if (facts.clientCertificate === '') return facts.added.lines;
  return `${facts.added.lines}Client-Cert: ${facts.clientCertificate}\r\n`;
}

/** Who the client is, where that is the edge's alone to say; null where a proxy in front has spoken. */
function knownFields(view: RequestView, facts: Forwarding): ForwardedFields | null {
  if (facts.peerIsTrusted) return null;
  facts.forwarded?.prepare(view);
  return facts.forwarded;
}

/** The same with what a trusted proxy said: its own fields stay, and the chain of addresses grows. */
function clientFields(view: RequestView, facts: Forwarding): string {
  // A check of the edge's own has no client to speak of.
  if (facts.peer === '') return 'X-Request-Id: ';
  const proto = facts.isTls ? 'https' : 'http';
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
  const element = forwardedElement(facts.peer, proto, hostOf(view));
  return `X-Forwarded-For: ${chain}${facts.peer}\r\n${protoField}Forwarded: ${element}\r\nX-Request-Id: `;
}
