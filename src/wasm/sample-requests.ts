/**
 * Two ordinary requests that every rule module must be able to answer: as small as one can be, and as
 * a browser sends it. What the answer is does not matter.
 */
import { RequestView } from '#waf/request-view.ts';
import { ResponseView } from '#waf/response-view.ts';
import { type RequestFacts, Transaction } from '#waf/transaction.ts';
import type { BodyWindow } from './filter.ts';

export function sampleRequests(): readonly Transaction[] {
  return [
    transaction(sample('/', null, []), { clientAddress: '192.0.2.1', tls: false }),
    transaction(sample('/search', 'q=two+words&page=2', browserHeaders), {
      clientAddress: '2001:db8::1',
      tls: true,
      ja4: 't13d1516h2_8daaf6152771_e5627efa2ab1',
      certificate: { subject: 'CN=sample', sha256: '0'.repeat(64), verified: true },
    }),
  ];
}

export function sampleResponse(): ResponseView {
  const view = new ResponseView(1);
  const text = 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n';
  view.bytes = Buffer.from(text, 'latin1');
  view.end = text.length;
  view.status = 200;
  view.reasonStart = text.indexOf('OK');
  view.reasonEnd = view.reasonStart + 2;
  const name = text.indexOf('Content-Type');
  const value = text.indexOf('text/html');
  view.headers.set([name, name + 12, value, value + 9]);
  view.headerCount = 1;
  return view;
}

export const sampleBody: BodyWindow = {
  bytes: Buffer.from('name=value&text=two+words'),
  overlap: 0,
  position: 0,
  isFirst: true,
  isLast: true,
  isWhole: true,
};

const transaction = (view: RequestView, facts: RequestFacts): Transaction =>
  new Transaction(view, facts, 'sample', '* /', 'app', false);

const browserHeaders: readonly (readonly [string, string])[] = [
  ['Host', 'example.org'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['Accept-Language', 'en-US,en;q=0.5'],
  ['Cookie', 'session=c2FtcGxl; theme=dark'],
];

/** Built piece by piece, so each offset is noted while its piece is appended. */
function sample(
  path: string,
  query: string | null,
  headers: readonly (readonly [string, string])[],
): RequestView {
  const view = new RequestView(headers.length);
  let text = 'GET';
  const append = (piece: string): number => {
    const at = text.length;
    text += piece;
    return at;
  };
  view.methodEnd = text.length;
  append(' ');
  view.targetStart = view.pathStart = append(path);
  view.pathEnd = text.length;
  if (query !== null) {
    append('?');
    view.queryStart = append(query);
  }
  view.targetEnd = text.length;
  append(' HTTP/1.1\r\n');
  for (const [name, value] of headers) {
    const nameStart = append(name);
    const nameEnd = append(': ');
    const valueStart = append(value);
    view.headers.set([nameStart, nameEnd, valueStart, text.length], view.headerCount * 4);
    view.headerCount++;
    if (name === 'Host') [view.hostStart, view.hostEnd] = [valueStart, text.length];
    append('\r\n');
  }
  append('\r\n');
  view.bytes = Buffer.from(text, 'latin1');
  view.end = view.bytes.length;
  return view;
}
