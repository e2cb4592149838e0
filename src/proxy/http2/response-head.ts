/** Response heads as field blocks: serialised from the view, hop-by-hop fields out, the request's id in. */
import type { ResponseView } from '#waf/response-view.ts';
import { type AddedFields, noFields } from '../header-edits.ts';
import { ascii } from '../http1/bytes.ts';
import { contentLengthDrop, responseDrops } from '../http1/write-head.ts';
import type { HpackEncoder } from './hpack-encoder.ts';
import { encodeLines } from './trailers.ts';

const REQUEST_ID = ascii('x-request-id');

/** `withLength` keeps the Content-Length the upstream gave. */
export function encodeResponse(
  encoder: HpackEncoder,
  view: ResponseView,
  withLength: boolean,
  requestId: string,
  added: AddedFields,
): void {
  const drops = withLength ? responseDrops : responseDrops | contentLengthDrop;
  const { bytes, headers, kinds, headerCount } = view;
  encoder.begin();
  encoder.status(view.status);
  for (let i = 0; i < headerCount; i++) {
    if (((drops >>> (kinds[i] as number)) & 1) === 1) continue;
    const slot = i * 4;
    encoder.field(
      bytes,
      headers[slot] as number,
      headers[slot + 1] as number,
      headers[slot + 2] as number,
      headers[slot + 3] as number,
    );
  }
  if (added !== noFields) encodeLines(encoder, Buffer.from(added.lines, 'latin1'));
  if (requestId !== '') encoder.freshField(REQUEST_ID, requestId);
}

/** `fields` are `Name: value CR LF` lines of the edge's own. */
export function encodeLocal(
  encoder: HpackEncoder,
  status: number,
  fields: string,
  contentType: string,
  length: number,
  requestId: string,
): void {
  encoder.begin();
  encoder.status(status);
  const lines = `Content-Type: ${contentType}\r\nContent-Length: ${length}\r\nCache-Control: no-store\r\n${fields}`;
  encodeLines(encoder, Buffer.from(lines, 'latin1'));
  encoder.freshField(REQUEST_ID, requestId);
}
