/** A request that came by no connection: `weir inspect`, tests and benches say what is in it. */
import { RequestView } from '#waf/request-view.ts';
import { ResponseView } from '#waf/response-view.ts';

export type Field = readonly [name: string, value: string];

export type BuiltRequest = {
  readonly method: string;
  readonly target: string;
  /** `HTTP/1.1`. */
  readonly version: string;
  readonly fields: readonly Field[];
};

/** All text is latin1. */
export function requestView({ method, target, version, fields }: BuiltRequest): RequestView {
  const view = new RequestView(Math.max(1, fields.length));
  view.methodEnd = method.length;
  view.targetStart = method.length + 1;
  view.targetEnd = view.targetStart + target.length;
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/.exec(target)?.[0].length ?? 0;
  view.pathStart = view.targetStart + authority;
  const question = target.indexOf('?', authority);
  view.pathEnd = question < 0 ? view.targetEnd : view.targetStart + question;
  view.queryStart = question < 0 ? -1 : view.pathEnd + 1;
  view.minor = version.endsWith('1.0') ? 0 : 1;
  const text = `${method} ${target} ${version}\r\n`;
  fillFields(view, text, fields);
  const host = fields.findIndex(([name]) => name.toLowerCase() === 'host');
  if (host >= 0) {
    view.hostStart = view.headers[host * 4 + 2] ?? -1;
    view.hostEnd = view.headers[host * 4 + 3] ?? -1;
  }
  return view;
}

export function responseView(status: number, fields: readonly Field[]): ResponseView {
  const view = new ResponseView(Math.max(1, fields.length));
  view.status = status;
  const text = `HTTP/1.1 ${status} \r\n`;
  view.reasonStart = text.length - 2;
  view.reasonEnd = view.reasonStart;
  fillFields(view, text, fields);
  return view;
}

function fillFields(
  view: RequestView | ResponseView,
  line: string,
  fields: readonly Field[],
): void {
  let text = line;
  view.headerCount = fields.length;
  for (const [index, [name, value]] of fields.entries()) {
    const start = text.length;
    const valueStart = start + name.length + 2;
    view.headers.set(
      [start, start + name.length, valueStart, valueStart + value.length],
      index * 4,
    );
    text += `${name}: ${value}\r\n`;
  }
  view.bytes = Buffer.from(`${text}\r\n`, 'latin1');
  view.end = view.bytes.length;
}
