/**
 * Trailer fields on their way through: `name: value CR LF` lines in `BodyPiece.trailers`.
 *
 * A trailer comes when everything about the message has been decided, so a field that frames, routes,
 * authenticates, caches or describes the content says nothing there and is taken out (RFC 9110 section
 * 6.5.1); the sum is bounded by `trailerBytesMax`.
 */
import type { RequestView } from '#waf/request-view.ts';
import type { BodyPiece } from './body-piece.ts';
import { fieldKind } from './field-kind.ts';

/** Over the whole section. */
export const trailerBytesMax = 8_192;

const forbidden = new Set(
  `age authorization cache-control connection cookie date expect expires forwarded host http2-settings
   keep-alive last-modified location max-forwards pragma range retry-after set-cookie te trailer
   transfer-encoding upgrade vary via www-authenticate x-real-ip x-request-id`.split(/\s+/),
);
const forbiddenFamily = /^(?:accept|access-control-|content-|if-|proxy-|sec-|x-forwarded-|:)/;
const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*$/;

/** Lines for the fields that may travel on, from names and values in turn. */
export function encodeTrailers(pairs: readonly string[]): Buffer {
  let text = '';
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = (pairs[i] as string).toLowerCase();
    if (mayTravel(name)) text += `${pairs[i]}: ${pairs[i + 1]}\r\n`;
  }
  return text === '' ? noBytes : Buffer.from(text, 'latin1');
}

/** Names and values in turn, from lines; a line that is no field is left out. */
export function decodeTrailers(lines: Buffer): string[] {
  const pairs: string[] = [];
  for (const line of lines.toString('latin1').split(/\r\n?/)) {
    const match = field.exec(line);
    if (match !== null) pairs.push(match[1] as string, match[2] as string);
  }
  return pairs;
}

/** A received section, its bytes already checked, with what may not travel taken out. */
export const filterTrailers = (section: Buffer): Buffer => encodeTrailers(decodeTrailers(section));

/** Trailers are for who has asked for them. */
export function dropUnaskedTrailers(body: BodyPiece, view: RequestView): void {
  if (body.trailers.length > 0 && !acceptsTrailers(view)) body.dropTrailers();
}

/** The client has said `TE: trailers` (RFC 9110 section 10.1.4). */
function acceptsTrailers(view: RequestView): boolean {
  for (let i = 0; i < view.headerCount; i++) {
    if (view.kinds[i] !== fieldKind.hopByHop || view.headerName(i).toLowerCase() !== 'te') continue;
    if (/(?:^|,)[ \t]*trailers[ \t]*(?:,|;|$)/i.test(view.headerValue(i))) return true;
  }
  return false;
}

/** To an origin behind CGI or the like `_` is `-`. */
export function mayTravel(lower: string): boolean {
  const name = lower.replaceAll('_', '-');
  return !forbidden.has(name) && !forbiddenFamily.test(name);
}

const noBytes = Buffer.alloc(0);
