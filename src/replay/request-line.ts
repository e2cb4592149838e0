/** A recorded request in one line, for people. */
import type { RequestLine } from './difference.ts';
import type { RecordedRequest } from './recorded-request.ts';

const targetCharactersMax = 512;

/** As it stands there: mask it before, where it came from a client a moment ago. */
export function lineOf(request: RecordedRequest): RequestLine {
  const text = request.head.toString('latin1', 0, Math.min(request.head.length, 65_536));
  const [, method = '', target = ''] = /^(\S{1,64}) (\S+) /.exec(text) ?? [];
  const host = /\r\nhost:[ \t]*([^\r\n]{0,255})/i.exec(text)?.[1] ?? '';
  const { id, atMs, client, route, status } = request;
  return {
    ...{ id, at: new Date(atMs).toISOString(), client, method, host },
    ...{ target: target.slice(0, targetCharactersMax), route, status },
  };
}
