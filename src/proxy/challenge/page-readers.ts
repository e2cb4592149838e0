/**
 * Who can show a challenge's page: a browser that loads a document. To all else the page would be an answer that
 * nothing understands: a script reads HTML where it wants data, a feed reader and a WebSocket fail without a word.
 */
import type { RequestView } from '#waf/request-view.ts';
import { wantsHtml } from '../error-page.ts';
import { ascii, equalsFolded } from '../http1/bytes.ts';

const MODE = ascii('sec-fetch-mode');

/** Why the client of this request is shown no page; null where it is. `showsPages` is what the route says. */
export function whyNoPage(view: RequestView, showsPages: boolean): string | null {
  if (!showsPages) return 'the route shows no pages';
  if (view.connectionUpgrade) return 'it asks for another protocol';
  const mode = fetchMode(view);
  if (mode !== null && mode !== 'navigate') return 'it is a script that asks';
  const method = view.bytes.toString('latin1', view.start, view.methodEnd);
  // A form that is sent says that it is a navigation; nothing else that sends data can show a page.
  if (method !== 'GET' && method !== 'HEAD' && mode === null) return `${method} is no navigation`;
  return wantsHtml(view) ? null : 'it does not ask for HTML';
}

/** Of Fetch Metadata, which browsers write themselves; null where it is not said. */
function fetchMode(view: RequestView): string | null {
  for (let i = 0; i < view.headerCount; i++) {
    const start = view.headers[i * 4] as number;
    const end = view.headers[i * 4 + 1] as number;
    if (end - start === MODE.length && equalsFolded(view.bytes, start, end, MODE))
      return view.headerValue(i).toLowerCase();
  }
  return null;
}
