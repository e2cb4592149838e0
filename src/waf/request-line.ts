/**
 * Another request line for a head that has been parsed: what a module may make of it, and the view that says so.
 *
 * The view that came stays as it is, for the log and for who asked; modules behind and the upstream get the new one.
 * Only method and path change, so authority, fields and framing are those that were checked. HEAD stays HEAD and
 * nothing becomes one: it decides whether the response has a body, here and at the client.
 */
import { RequestView } from '#waf/request-view.ts';

export type RequestLine = { readonly method: string; readonly uri: string };

export const uriBytesMax = 8_192;

/** Methods that mean something to the connection, or to the framing of the response. */
const fixedMethods: ReadonlySet<string> = new Set(['HEAD', 'CONNECT', 'TRACE']);

export function requestLineOf({ bytes, start, methodEnd, ...view }: RequestView): RequestLine {
  const method = bytes.toString('latin1', start, methodEnd);
  const path = bytes.toString('latin1', view.pathStart, view.targetEnd);
  // An absolute target without a path asks for `/`; `*` is for the server as a whole.
  return { method, uri: path === '' || path.startsWith('?') ? `/${path}` : path };
}

/** Null where the line may be changed so; else why not. `headBytesMax` is what modules have room for. */
export function requestLineProblem(
  view: RequestView,
  { method, uri }: RequestLine,
  headBytesMax: number,
): string | null {
  const before = requestLineOf(view).method;
  if (method !== before) {
    if (!/^[A-Z]{1,16}$/.test(method)) return `${JSON.stringify(method.slice(0, 32))} is no method`;
    for (const name of [before, method])
      if (fixedMethods.has(name)) return `${before} cannot become ${method}`;
  }
  if (uri.length > uriBytesMax) return `a URI of ${uri.length} bytes: at most ${uriBytesMax}`;
  if (!/^\/[^\0- #\x7f]*$/.test(uri) || /[^\0-\xff]/.test(uri))
    return 'the URI is no path with a query: it begins with / and holds no blank, control byte or #';
  const grown = method.length + uri.length - (view.methodEnd - view.start) - pathLength(view);
  if (view.end - view.start + grown > headBytesMax)
    return `the head would be longer than the ${headBytesMax} bytes it may have`;
  return null;
}

const pathLength = (view: RequestView): number => view.targetEnd - view.pathStart;

/** `line` has been found right. */
export function withRequestLine(before: RequestView, { method, uri }: RequestLine): RequestView {
  const { bytes } = before;
  const prefix = bytes.subarray(before.targetStart, before.pathStart);
  const first = Buffer.concat([
    Buffer.from(`${method} `, 'latin1'),
    prefix,
    Buffer.from(uri, 'latin1'),
  ]);
  const view = new RequestView(Math.max(1, before.headerCount));
  view.bytes = Buffer.concat([first, bytes.subarray(before.targetEnd, before.end)]);
  const inTarget = method.length + 1 - before.targetStart;
  const behind = first.length - before.targetEnd;
  const moved = (at: number): number =>
    at < 0 ? at : at + (at < before.targetEnd ? inTarget : behind);

  view.start = 0;
  view.end = view.bytes.length;
  view.major = before.major;
  view.minor = before.minor;
  view.methodEnd = method.length;
  view.targetStart = method.length + 1;
  view.targetEnd = first.length;
  view.pathStart = first.length - uri.length;
  const question = uri.indexOf('?');
  view.pathEnd = question < 0 ? first.length : view.pathStart + question;
  view.queryStart = question < 0 ? -1 : view.pathEnd + 1;
  view.hostStart = moved(before.hostStart);
  view.hostEnd =
    before.hostStart < before.targetEnd ? moved(before.hostEnd - 1) + 1 : moved(before.hostEnd);
  view.headerCount = before.headerCount;
  for (let i = 0; i < before.headerCount * 4; i++)
    view.headers[i] = moved(before.headers[i] as number);
  view.kinds.set(before.kinds.subarray(0, before.headerCount));
  view.contentLength = before.contentLength;
  view.chunked = before.chunked;
  view.connectionClose = before.connectionClose;
  view.connectionKeepAlive = before.connectionKeepAlive;
  view.connectionUpgrade = before.connectionUpgrade;
  view.upgradeIndex = before.upgradeIndex;
  view.expectContinue = before.expectContinue;
  view.refusal = before.refusal;
  view.hasNewLine = true;
  return view;
}
