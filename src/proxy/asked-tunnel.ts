/**
 * Which tunnel a request asks for: a WebSocket, the only way one is served (RFC 6455 section 4.1), or CONNECT
 * (RFC 9110 section 9.3.6), which a listener has to say that it takes.
 *
 * The edge dials no target that a client names: CONNECT goes to the upstream of its route, which is a proxy itself.
 */
import type { RequestView } from '#waf/request-view.ts';
import { ascii, equalsFolded } from './http1/bytes.ts';
import type { CompiledRoute } from './snapshot.ts';
import type { UpstreamGroup } from './upstream/upstream-group.ts';

/** What the upstream may make of the connection; null: nothing but an answer. */
export type AskedTunnel = 'websocket' | 'connect' | null;

const WEBSOCKET = ascii('websocket');

/** Of a request that goes on: CONNECT has passed `takesConnect`. */
export function askedTunnel(
  view: RequestView,
  method: string,
  { websocket }: CompiledRoute,
  { takesUpgrades }: UpstreamGroup,
): AskedTunnel {
  if (method === 'CONNECT') return 'connect';
  return websocket && takesUpgrades && asksForWebSocket(view, method) ? 'websocket' : null;
}

/** Whether the servers behind a route can open a tunnel, and the request is one to open it: HTTP/2 has streams for that. */
export function takesConnect(view: RequestView, { upstream, canary }: CompiledRoute): boolean {
  return view.major === 1 && upstream.takesUpgrades && canary?.upstream.takesUpgrades !== false;
}

/** CONNECT alone has a target that is an authority and no more (RFC 9112 section 3.2.3). */
export const hasAuthorityForm = ({ hostStart, targetStart }: RequestView): boolean =>
  hostStart === targetStart;

function asksForWebSocket(view: RequestView, method: string): boolean {
  if (view.upgradeIndex < 0 || !view.connectionUpgrade || view.minor === 0 || method !== 'GET')
    return false;
  const at = view.upgradeIndex * 4;
  const start = view.headers[at + 2] as number;
  const end = view.headers[at + 3] as number;
  return (
    equalsFolded(view.bytes, start, end, WEBSOCKET) && view.contentLength <= 0 && !view.chunked
  );
}
