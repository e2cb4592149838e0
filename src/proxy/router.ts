/**
 * Which route a request takes: the most specific host first, then the longest path prefix.
 *
 * Paths are compared after decoding percent escapes and resolving dot segments and doubled slashes, so
 * `/%61dmin` and `/x/../admin` cannot leave the policy of `/admin`. What is forwarded stays as it came.
 */
import type { RequestView } from '#waf/request-view.ts';

export type RouteMatch = { readonly host: string; readonly path: string };

/** Bound on remembered authorities. */
const seenMax = 4_096;

type Entry<R> = { readonly path: string; readonly value: R };

export class Router<R> {
  readonly #exact = new Map<string, readonly Entry<R>[]>();
  /** Suffix with its leading dot, longest first. */
  readonly #wildcards: { readonly suffix: string; readonly entries: readonly Entry<R>[] }[] = [];
  #fallback: readonly Entry<R>[] = [];
  /** Authorities asked for before; a client that makes up hosts only fills it. */
  readonly #seen = new Map<string, readonly Entry<R>[]>();

  constructor(routes: readonly { readonly match: RouteMatch; readonly value: R }[]) {
    const byHost = Map.groupBy(routes, ({ match }) => match.host.toLowerCase());
    const all = byHost.get('*') ?? [];
    for (const [host, own] of byHost) {
      // A host's list ends in the routes for any host, so that its own paths win and the rest still match.
      const entries = host === '*' ? sortEntries(own) : [...sortEntries(own), ...sortEntries(all)];
      if (host === '*') this.#fallback = entries;
      else if (host.startsWith('*.')) this.#wildcards.push({ suffix: host.slice(1), entries });
      else this.#exact.set(host, entries);
    }
    this.#wildcards.sort((a, b) => b.suffix.length - a.suffix.length);
  }

  /** The candidates of a host (an authority as sent, port included); constant for the host's name. */
  hostEntries(authority: string): readonly Entry<R>[] {
    const known = this.#seen.get(authority);
    if (known !== undefined) return known;
    const entries = this.#findHost(hostName(authority));
    if (this.#seen.size < seenMax) this.#seen.set(authority, entries);
    return entries;
  }

  #findHost(name: string): readonly Entry<R>[] {
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    for (const { suffix, entries } of this.#wildcards) {
      if (name.length > suffix.length && name.endsWith(suffix)) return entries;
    }
    return this.#fallback;
  }

  match(entries: readonly Entry<R>[], view: RequestView): R | undefined {
    const first = entries[0];
    if (first === undefined) return undefined;
    if (entries.length === 1 && first.path === '/') return first.value;
    const path = routingPath(view);
    for (const entry of entries) if (isUnder(path, entry.path)) return entry.value;
    return undefined;
  }
}

function sortEntries<R>(routes: readonly { readonly match: RouteMatch; readonly value: R }[]): Entry<R>[] {
  return routes
    .map(({ match, value }) => ({ path: match.path, value }))
    .sort((a, b) => b.path.length - a.path.length);
}

/** Lower case, without port and without the final dot of a fully qualified name. */
function hostName(authority: string): string {
  let end = authority.length;
  const colon = authority.lastIndexOf(':');
  if (colon > authority.lastIndexOf(']')) end = colon;
  if (authority.charCodeAt(end - 1) === 46) end--;
  return authority.slice(0, end).toLowerCase();
}

function isUnder(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || prefix.endsWith('/') || path.charCodeAt(prefix.length) === 47;
}

const needsWork = /%|\/\/|\/\.|\\/;

/** The path as routes see it. A backslash counts as a slash, as it does for many origins. */
export function routingPath(view: RequestView): string {
  const raw = view.bytes.toString('latin1', view.pathStart, view.pathEnd);
  if (!needsWork.test(raw)) return raw === '' ? '/' : raw;
  const decoded = raw
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll('\\', '/');
  const segments: string[] = [];
  for (const segment of decoded.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  const path = `/${segments.join('/')}`;
  return decoded.endsWith('/') && path !== '/' ? `${path}/` : path;
}
