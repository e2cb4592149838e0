/** Whether a request asks for a WebSocket the only way that is served (RFC 6455 section 4.1). */
import type { RequestView } from '#waf/request-view.ts';
import { ascii, equalsFolded } from './http1/bytes.ts';

const WEBSOCKET = ascii('websocket');

export function asksForWebSocket(view: RequestView, method: string): boolean {
  if (view.upgradeIndex < 0 || !view.connectionUpgrade || view.minor === 0 || method !== 'GET')
    return false;
  const at = view.upgradeIndex * 4;
  const start = view.headers[at + 2] as number;
  const end = view.headers[at + 3] as number;
  return (
    equalsFolded(view.bytes, start, end, WEBSOCKET) && view.contentLength <= 0 && !view.chunked
  );
}
