/**
 * Heads between the views and HTTP/2: a request's fields as `node:http2` sends them, and a response
 * written down in HTTP/1.1 form, so that the one parser checks and classifies it (RFC 9113 section 8).
 */
import { STATUS_CODES } from 'node:http';
import { forwardDrops, hostOf, ownFields } from '../forward-request.ts';
import { hostDrop, requestTarget } from '../http1/write-head.ts';
import type { UpstreamRequest } from './upstream-stream.ts';

export type Http2Origin = { readonly scheme: 'http' | 'https'; readonly authority: string };

/** Belongs to an upgrade from HTTP/1.1 that is never made (RFC 7540 section 3.2.1). */
const upgradeSettings = 'http2-settings';

/** Names and values in turn, pseudo-header fields first. */
export function requestFields(request: UpstreamRequest, origin: Http2Origin): string[] {
  const { view, forwarding } = request;
  const { bytes, headers, kinds } = view;
  const fields = [
    ':method',
    bytes.toString('latin1', view.start, view.methodEnd),
    ':scheme',
    origin.scheme,
    ':authority',
    request.authority || hostOf(view) || origin.authority,
    ':path',
    requestTarget(view, forwarding.rewrite),
  ];
  const drops = forwardDrops(forwarding) | hostDrop;
  for (let i = 0; i < view.headerCount; i++) {
    if (((drops >>> (kinds[i] as number)) & 1) === 1) continue;
    const at = i * 4;
    const name = bytes.toString('latin1', headers[at], headers[at + 1]).toLowerCase();
    if (name === upgradeSettings) continue;
    fields.push(name, bytes.toString('latin1', headers[at + 2], headers[at + 3]));
  }
  for (const line of ownFields(view, forwarding).split('\r\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) fields.push(line.slice(0, colon).toLowerCase(), line.slice(colon + 2));
  }
  if (view.contentLength >= 0) fields.push('content-length', String(view.contentLength));
  if (request.trailerNames !== '') fields.push('trailer', request.trailerNames);
  // We pass trailers on; gRPC servers refuse a client that does not say so.
  fields.push('te', 'trailers');
  return fields;
}

/** `raw` holds names and values in turn, `:status` among them. */
export function responseHead(status: number, raw: readonly string[]): Buffer {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.charCodeAt(0) !== 58) head += `${name}: ${raw[i + 1]}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}
