/**
 * The path as rates compare it: escapes decoded, dot segments resolved, doubled slashes one, a backslash a
 * slash, as the most lenient origin would read it. A rate of `/login` must hold for `/x/..//%6cogin` too; that
 * it may hold for a path that another origin reads otherwise costs that client a token.
 */
import type { RequestView } from '#waf/request-view.ts';
import { decodeEscapes } from '../router.ts';

const needsWork = /%|\/\/|\/\.|\\/;

export function resolvedPath(view: RequestView): string {
  const raw = view.bytes.toString('latin1', view.pathStart, view.pathEnd);
  if (raw === '') return '/';
  if (!needsWork.test(raw)) return raw;
  const decoded = decodeEscapes(raw).replaceAll('\\', '/');
  const segments: string[] = [];
  for (const segment of decoded.split('/'))
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  const path = `/${segments.join('/')}`;
  return decoded.endsWith('/') && path !== '/' ? `${path}/` : path;
}
