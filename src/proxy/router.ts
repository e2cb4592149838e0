/**
 * Which route a request takes: the most specific host first, then the longest path, an exact one before a
 * prefix, then the one with more conditions on method and header fields.
 *
 * Paths are compared after decoding percent escapes and resolving dot segments and doubled slashes, so
 * `/%61dmin` cannot leave the policy of `/admin`. What is forwarded stays as it came, and origins differ in
 * what they make of dot segments, doubled and encoded slashes: a path that climbs (`/x/../admin`,
 * `/admin/..%2fx`), or whose literal reading leads to another route, has no route where paths matter.
 */
import type { Route } from '#config/route-schema.ts';
import type { RequestView } from '#waf/request-view.ts';
import { ascii, equalsFolded } from './http1/bytes.ts';

export type RouteMatch = Pick<Route['match'], 'host' | 'path'> & Partial<Route['match']>;

/** Bound on remembered authorities. */
const seenMax = 4_096;

type Entry<R> = {
  readonly path: string;
  readonly exact: boolean;
  /** Null: any. */
  readonly methods: ReadonlySet<string> | null;
  readonly headers: readonly { readonly name: Uint8Array; readonly value: string | null }[];
  readonly value: R;
};

export class Router<R> {
  readonly #exact = new Map<string, readonly Entry<R>[]>();
  /** Suffix with its leading dot, longest first. */
  readonly #wildcards: { readonly suffix: string; readonly entries: readonly Entry<R>[] }[] = [];
  #fallback: readonly Entry<R>[] = [];
  /** Authorities asked for before; a client that makes up hosts only fills it. */
  readonly #seen = new Map<string, readonly Entry<R>[]>();

  constructor(routes: readonly { readonly match: RouteMatch; readonly value: R }[]) {
    const byHost = Map.groupBy(routes, ({ match }) => match.host.toLowerCase());
    for (const host of byHost.keys()) {
      // A host's list goes on with the wildcards over it and ends in the routes for any host, so that its
      // own paths win and the rest still match.
      const wider = [...byHost.keys()]
        .filter(
          (other) => other.startsWith('*.') && other !== host && host.endsWith(other.slice(1)),
        )
        .sort((a, b) => b.length - a.length);
      const own = [host, ...wider, ...(host === '*' ? [] : ['*'])];
      const entries = own.flatMap((name) => sortEntries(byHost.get(name) ?? []));
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
    if (entries.length === 1 && first.path === '/' && isPlain(first)) return first.value;
    const raw = view.bytes.toString('latin1', view.pathStart, view.pathEnd);
    if (!needsWork.test(raw)) return find(entries, raw === '' || raw === '*' ? '/' : raw, view);
    const path = resolvePath(raw);
    if (path === null) return undefined;
    const value = find(entries, path, view);
    const literal = decodeEscapes(raw.replace(/%(?:2f|5c)/gi, '%25'));
    return find(entries, literal, view) === value ? value : undefined;
  }
}

function find<R>(entries: readonly Entry<R>[], path: string, view: RequestView): R | undefined {
  for (const entry of entries) {
    const isPath = entry.exact ? path === entry.path : isUnder(path, entry.path);
    if (isPath && (isPlain(entry) || meets(entry, view))) return entry.value;
  }
  return undefined;
}

const isPlain = (entry: Entry<unknown>): boolean =>
  entry.methods === null && entry.headers.length === 0 && !entry.exact;

function meets(entry: Entry<unknown>, view: RequestView): boolean {
  const { methods, headers } = entry;
  if (methods !== null && !methods.has(view.bytes.toString('latin1', view.start, view.methodEnd)))
    return false;
  for (const { name, value } of headers) if (!hasField(view, name, value)) return false;
  return true;
}

/** Of repeated fields every one counts: a value that is there is there. */
function hasField(view: RequestView, name: Uint8Array, value: string | null): boolean {
  for (let i = 0; i < view.headerCount; i++) {
    const start = view.headers[i * 4] as number;
    const end = view.headers[i * 4 + 1] as number;
    if (!equalsFolded(view.bytes, start, end, name)) continue;
    if (value === null || view.headerValue(i) === value) return true;
  }
  return false;
}

function sortEntries<R>(
  routes: readonly { readonly match: RouteMatch; readonly value: R }[],
): Entry<R>[] {
  return routes
    .map(({ match, value }) => ({
      path: match.path,
      exact: match.exact === true,
      methods: (match.methods ?? []).length === 0 ? null : new Set(match.methods),
      headers: (match.headers ?? []).map((header) => ({
        name: ascii(header.name.toLowerCase()),
        value: header.value ?? null,
      })),
      value,
    }))
    .sort(
      (a, b) =>
        b.path.length - a.path.length ||
        Number(b.exact) - Number(a.exact) ||
        conditions(b) - conditions(a),
    );
}

const conditions = (entry: Entry<unknown>): number =>
  (entry.methods === null ? 0 : 1) + entry.headers.length;

/** Lower case, without port and without the final dot of a fully qualified name. */
function hostName(authority: string): string {
  let end = authority.length;
  const colon = authority.lastIndexOf(':');
  if (colon > authority.lastIndexOf(']')) end = colon;
  if (authority.charCodeAt(end - 1) === 46) end--;
  return authority.slice(0, end).toLowerCase();
}

export function isUnder(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return (
    path.length === prefix.length || prefix.endsWith('/') || path.charCodeAt(prefix.length) === 47
  );
}

const needsWork = /%|\/\/|\/\.|\\/;

/** The path as routes see it, null when it climbs. A backslash counts as a slash, as for many origins. */
function resolvePath(raw: string): string | null {
  const decoded = decodeEscapes(raw).replaceAll('\\', '/');
  const segments = decoded.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) return null;
  const path = `/${segments.join('/')}`;
  return decoded.endsWith('/') && path !== '/' ? `${path}/` : path;
}

export const decodeEscapes = (text: string): string =>
  text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
