/** The cookie a pass travels in: read from a request, taken out before the request goes on. */
import type { RequestView } from '#waf/request-view.ts';
import type { AddedFields } from '../header-edits.ts';
import { ascii, equalsFolded } from '../http1/bytes.ts';
import { fieldKind } from '../http1/field-kind.ts';

export const passCookie = '__weir_pass';
/** One is what a browser sends; more come of a cookie of the same name for another path. */
export const passesMax = 4;

const COOKIE = ascii('cookie');

/** Set for the host alone, for all of its paths. Lax: a link from elsewhere brings it along, a form does not. */
export function setPassCookie(pass: string, maxAgeSeconds: number, isTls: boolean): string {
  return `Set-Cookie: ${passCookie}=${pass}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${isTls ? '; Secure' : ''}\r\n`;
}

/** The values of the cookie, as they came. */
export function passesOf(view: RequestView): string[] {
  const found: string[] = [];
  for (let i = 0; i < view.headerCount; i++) {
    if (!isCookieField(view, i)) continue;
    for (const part of view.headerValue(i).split(';')) {
      const equals = part.indexOf('=');
      if (equals < 0 || !isPass(part) || found.length >= passesMax) continue;
      found.push(part.slice(equals + 1).trim());
    }
  }
  return found;
}

/**
 * A pass is the edge's own and no backend's business: whoever reads it there could pass for the client.
 * Marks the fields that hold one, and adds what else they held to `added`.
 */
export function withoutPass(view: RequestView, added: AddedFields): AddedFields {
  let lines = '';
  let pairs: (readonly [string, string])[] | null = null;
  for (let i = 0; i < view.headerCount; i++) {
    if (view.kinds[i] !== fieldKind.other || !isCookieField(view, i)) continue;
    const value = view.headerValue(i);
    if (!value.includes(passCookie)) continue;
    const parts = value.split(';');
    const kept = parts.filter((part) => !isPass(part));
    if (kept.length === parts.length) continue;
    view.kinds[i] = fieldKind.removed;
    pairs ??= [];
    const rest = kept.join(';').trim();
    if (rest === '') continue;
    lines += `Cookie: ${rest}\r\n`;
    pairs.push(['cookie', rest]);
  }
  if (pairs === null) return added;
  return { lines: added.lines + lines, pairs: [...added.pairs, ...pairs] };
}

function isPass(part: string): boolean {
  const equals = part.indexOf('=');
  return (equals < 0 ? part : part.slice(0, equals)).trim() === passCookie;
}

function isCookieField(view: RequestView, index: number): boolean {
  const start = view.headers[index * 4] as number;
  const end = view.headers[index * 4 + 1] as number;
  return end - start === COOKIE.length && equalsFolded(view.bytes, start, end, COOKIE);
}
