/**
 * Request views for tests, built in the simplest way that can be right: the head is joined from its
 * parts and each offset is found by searching the text. Shares nothing with the parser.
 */
import { RequestView } from '#waf/request-view.ts';

export type RequestParts = {
  readonly method?: string;
  readonly target: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly minor?: 0 | 1;
  /** Bytes in front of the head in the same buffer, as with a second request on a connection. */
  readonly before?: number;
};

export function viewOf(parts: RequestParts): RequestView {
  const { method = 'GET', target, headers = [], minor = 1, before = 0 } = parts;
  const lines = [
    `${method} ${target} HTTP/1.${minor}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ];
  const text = '#'.repeat(before) + lines.join('\r\n');
  const view = new RequestView(Math.max(1, headers.length));
  view.bytes = Buffer.from(text, 'latin1');
  view.start = before;
  view.end = text.length;
  view.minor = minor;
  view.methodEnd = before + method.length;
  view.targetStart = view.methodEnd + 1;
  view.targetEnd = view.targetStart + target.length;

  const question = target.indexOf('?');
  const beforeQuery = question < 0 ? target : target.slice(0, question);
  const authority = /^[a-z]+:\/\/([^/]*)/.exec(beforeQuery);
  view.pathStart = view.targetStart + (authority?.[0].length ?? 0);
  view.pathEnd = view.targetStart + beforeQuery.length;
  view.queryStart = question < 0 ? -1 : view.targetStart + question + 1;

  let line = text.indexOf('\r\n', before) + 2;
  for (const [index, [name, value]] of headers.entries()) {
    const valueStart = line + name.length + 2;
    view.headers.set([line, line + name.length, valueStart, valueStart + value.length], index * 4);
    line = valueStart + value.length + 2;
    if (name.toLowerCase() === 'host' && view.hostStart < 0) {
      view.hostStart = valueStart;
      view.hostEnd = valueStart + value.length;
    }
  }
  view.headerCount = headers.length;
  if (authority?.[1] !== undefined) {
    view.hostEnd = view.pathStart;
    view.hostStart = view.pathStart - authority[1].length;
  }
  return view;
}
