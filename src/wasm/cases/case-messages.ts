/**
 * A case's request and response as the edge would hand them to a module: heads written down as HTTP/1.1
 * and measured piece by piece, bodies in the stretches the case asks for.
 */
import { RequestView } from '#waf/request-view.ts';
import { ResponseView } from '#waf/response-view.ts';
import type { RequestFacts } from '#waf/transaction.ts';
import { overlapBytesMax } from '#wasm/abi.ts';
import type { BodyWindow } from '#wasm/filter.ts';
import type { CaseRequest, CaseResponse } from './case-schema.ts';

type Fields = CaseRequest['headers'];

export function factsOf({ client, tls, ja4, certificate }: CaseRequest): RequestFacts {
  return {
    clientAddress: client,
    tls,
    ...(ja4 === undefined ? {} : { ja4 }),
    certificate: certificate ?? null,
  };
}

export function requestViewOf(request: CaseRequest): RequestView {
  const { method, target, headers, http10 } = request;
  const view = new RequestView(Math.max(1, headers.length));
  const head = new HeadText();
  head.append(method);
  view.methodEnd = head.length;
  head.append(' ');
  view.targetStart = head.length;
  head.append(target);
  view.targetEnd = head.length;
  head.append(` HTTP/1.${http10 ? 0 : 1}\r\n`);
  view.minor = http10 ? 0 : 1;

  const query = target.indexOf('?');
  const beforeQuery = query < 0 ? target : target.slice(0, query);
  const origin = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/]*/.exec(beforeQuery)?.[0] ?? '';
  view.pathStart = view.targetStart + origin.length;
  view.pathEnd = view.targetStart + beforeQuery.length;
  view.queryStart = query < 0 ? -1 : view.targetStart + query + 1;
  view.headerCount = head.appendFields(headers, view.headers);
  if (origin !== '') {
    view.hostStart = view.targetStart + origin.indexOf('//') + 2;
    view.hostEnd = view.pathStart;
  } else {
    const host = headers.findIndex(([name]) => name?.toLowerCase() === 'host');
    view.hostStart = host < 0 ? -1 : (view.headers[host * 4 + 2] ?? -1);
    view.hostEnd = host < 0 ? -1 : (view.headers[host * 4 + 3] ?? -1);
  }
  view.bytes = head.bytes();
  view.end = view.bytes.length;
  return view;
}

export function responseViewOf({ status, reason, headers }: CaseResponse): ResponseView {
  const view = new ResponseView(Math.max(1, headers.length));
  const head = new HeadText();
  head.append(`HTTP/1.1 ${status} `);
  view.status = status;
  view.reasonStart = head.length;
  head.append(reason);
  view.reasonEnd = head.length;
  head.append('\r\n');
  view.headerCount = head.appendFields(headers, view.headers);
  view.bytes = head.bytes();
  view.end = view.bytes.length;
  return view;
}

/** Null for a message without a body. */
export function bodyOf({
  body,
  bodyBase64,
}: Pick<CaseRequest, 'body' | 'bodyBase64'>): Buffer | null {
  if (body !== undefined) return Buffer.from(body);
  return bodyBase64 === undefined ? null : Buffer.from(bodyBase64, 'base64');
}

/** As the edge does it: the end of what was seen stands in front once more. */
export function* windowsOf(
  body: Buffer,
  chunks: readonly number[] | undefined,
  windowBytes: number,
  trailers: readonly (readonly string[])[] = [],
): Generator<BodyWindow> {
  const sizes = [...(chunks ?? [])];
  let position = 0;
  do {
    const wanted = Math.min(sizes.shift() ?? body.length, windowBytes);
    const end = Math.min(body.length, position + wanted);
    const overlap = Math.min(position, overlapBytesMax);
    const isFirst = position === 0;
    const isLast = end === body.length;
    yield {
      bytes: body.subarray(position - overlap, end),
      overlap,
      position,
      isFirst,
      isLast,
      isWhole: isFirst && isLast,
      ...(isLast && trailers.length > 0 ? { trailers: trailers.flat() } : null),
    };
    position = end;
  } while (position < body.length);
}

class HeadText {
  #text = '';

  get length(): number {
    return this.#text.length;
  }

  append(piece: string): void {
    this.#text += piece;
  }

  /** Notes four offsets a field, and ends the head. */
  appendFields(fields: Fields, offsets: Uint32Array): number {
    for (const [index, [name = '', value = '']] of fields.entries()) {
      const nameStart = this.length;
      this.append(name);
      const nameEnd = this.length;
      this.append(': ');
      const valueStart = this.length + (/^[ \t]*/.exec(value)?.[0].length ?? 0);
      this.append(value);
      const valueEnd = this.length - (/[ \t]*$/.exec(value)?.[0].length ?? 0);
      offsets.set([nameStart, nameEnd, valueStart, Math.max(valueStart, valueEnd)], index * 4);
      this.append('\r\n');
    }
    this.append('\r\n');
    return fields.length;
  }

  bytes(): Buffer {
    return Buffer.from(this.#text, 'latin1');
  }
}
