/**
 * Who may speak to the management API: three checks on the head of a request, none of which reads a
 * body.
 *
 * `Host` must name this machine's loopback or the address bound. A page a browser has open can make a
 * name it owns resolve to 127.0.0.1 (DNS rebinding) and then counts as same-origin here; its requests
 * still carry that name. The answer is 421, which says just this: not the server for that name.
 *
 * `Origin`, where there is one, must be our own: browsers send it with every cross-site write. There
 * are no CORS answers at all.
 *
 * The bearer token is compared as SHA-256 digests, so neither length nor first difference shows in the
 * time taken.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

/** The port is left out on purpose: an ssh or container port forward changes it, a rebinding page need not. */
export function isOwnHost(hostHeader: string | undefined, boundHost: string): boolean {
  const host = hostOf(hostHeader);
  return host !== null && (isLoopbackName(host) || host === boundHost.toLowerCase());
}

/** `origin` against a Host header that `isOwnHost` has already let through. */
export function isOwnOrigin(origin: string | undefined, hostHeader: string | undefined): boolean {
  if (origin === undefined) return true;
  return origin.toLowerCase() === `http://${(hostHeader ?? '').toLowerCase()}`;
}

export type TokenCheck = (authorization: string | undefined) => 'ok' | 'missing' | 'wrong';

export function compileTokenCheck(token: string): TokenCheck {
  const expected = digest(token);
  return (authorization) => {
    const given = bearerToken(authorization);
    if (given === null) return 'missing';
    return timingSafeEqual(digest(given), expected) ? 'ok' : 'wrong';
  };
}

/** Null where the field holds none. */
export function bearerToken(authorization: string | undefined): string | null {
  return /^bearer +([\x21-\x7e]{1,512}) *$/i.exec(authorization ?? '')?.[1] ?? null;
}

/** Host part of a Host header in lower case, without the brackets of IPv6; null when it is not one. */
function hostOf(header: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}

function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
