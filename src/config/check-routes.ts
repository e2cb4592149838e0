/** Routes: what they match, and that what they name exists. */
import { parseIp } from '#core/ip.ts';
import { nearestName } from '#core/nearest-name.ts';
import { ownFields } from '#core/own-fields.ts';
import { type ConfigDraft, type Draft, present, presentEntries } from './draft.ts';
import type { Say } from './problem.ts';
import type { Route } from './route-schema.ts';

export function checkRoutes(config: ConfigDraft, say: Say): void {
  const seen = new Map<string, string>();
  checkThatRequestsFindOne(config, say);
  for (const [index, route] of present(config.routes)) {
    const path = `routes[${index}]`;
    checkRouteMatch(route.match ?? {}, path, seen, say);
    checkUpstreamName(route.upstream, `${path}.upstream`, config, say);
    checkUpstreamName(route.canary?.upstream, `${path}.canary.upstream`, config, say);
    if (route.canary !== undefined && route.canary.upstream === route.upstream)
      say(
        `${path}.canary.upstream`,
        'is the upstream of the route itself',
        'name another upstream',
      );
    if (route.rewritePrefix !== undefined && route.match?.exact !== true)
      checkRewrite(route, path, say);
    for (const side of ['requestHeaders', 'responseHeaders'] as const)
      checkHeaderRules(route[side], `${path}.${side}`, say);
    checkRouteRules(route.waf?.rules, config.waf?.rules, path, say);
  }
}

/** A node that only passes bytes through, or redirects, needs no route. */
function checkThatRequestsFindOne(config: ConfigDraft, say: Say): void {
  if (config.routes === undefined || config.routes.length > 0) return;
  for (const [index, { tls, plaintext }] of present(config.edge?.listeners)) {
    if (tls === undefined && plaintext === undefined) continue;
    say(
      'routes',
      `names no route, and edge.listeners[${index}] serves requests`,
      'add { upstream: NAME }, which takes them all',
    );
    return;
  }
}

/** hasOwn: "constructor" is a name like any other. */
function checkUpstreamName(
  name: string | undefined,
  path: string,
  { upstreams }: ConfigDraft,
  say: Say,
): void {
  if (name === undefined || upstreams === undefined || Object.hasOwn(upstreams, name)) return;
  say(
    path,
    `no upstream is named ${JSON.stringify(name)}`,
    choose(name, Object.keys(upstreams), 'upstreams'),
  );
}

/** `/shop` to `/` would make `/shop/a` into `//a`, and `/shop/` to `/x` would make `/shop/a` into `/xa`. */
function checkRewrite(route: Draft<Route>, path: string, say: Say): void {
  const { rewritePrefix: to, match } = route;
  const from = match?.path;
  if (to === undefined || from === undefined || from.endsWith('/') === to.endsWith('/')) return;
  say(
    `${path}.rewritePrefix`,
    `${to} in the place of ${from} ${to.endsWith('/') ? 'doubles the slash behind it' : 'joins two segments'}`,
    to.endsWith('/') ? `let match.path end in a slash too: ${from}/` : `write ${to}/`,
  );
}

function checkHeaderRules(
  rules: Draft<Route['requestHeaders']> | undefined,
  path: string,
  say: Say,
): void {
  const own = (name: string, place: string) => {
    if (ownFields.has(name.toLowerCase()))
      say(place, `${name} is written by the edge itself`, 'leave it out');
  };
  const set = presentEntries(rules?.set).map(([name]) => name);
  for (const name of set) own(name, `${path}.set.${name}`);
  for (const [name, value] of presentEntries(rules?.set))
    if (/^\$[a-z][a-z0-9_]*$|^%\[.*\]$|^%[A-Z_(]+\)?%?$/.test(value))
      say(
        `${path}.set.${name}`,
        `${value} would be sent as it stands, for values here hold no variables`,
        'the client, its scheme and its host are in X-Forwarded-For, -Proto and -Host already',
      );
  for (const [index, name] of present(rules?.remove)) {
    own(name, `${path}.remove[${index}]`);
    if (set.some((other) => other.toLowerCase() === name.toLowerCase()))
      say(
        `${path}.remove[${index}]`,
        `${name} is set as well`,
        'set replaces what came; remove this',
      );
  }
}

function checkRouteMatch(
  match: Draft<Route['match']>,
  path: string,
  seen: Map<string, string>,
  say: Say,
): void {
  const { host, path: prefix } = match;
  if (host === undefined || prefix === undefined) return;
  if (!isRouteHost(host)) {
    say(
      `${path}.match.host`,
      `${JSON.stringify(host)} is no host name`,
      'a name without port, "*.example.org" or "*"',
    );
  }
  checkPath(prefix, `${path}.match.path`, say);
  const conditions = [match.exact, [...(match.methods ?? [])].sort(), match.headers];
  const key = `${host.toLowerCase()} ${prefix} ${JSON.stringify(conditions)}`;
  const first = seen.get(key);
  if (first !== undefined) {
    say(
      path,
      `matches host ${host} and path ${prefix}, as ${first} already does`,
      'remove one of the two',
    );
  }
  seen.set(key, first ?? path);
}

/** What stands for itself here, and is a pattern to other proxies. */
function checkPath(prefix: string, path: string, say: Say): void {
  const plain = /^(.*?)\/\*{1,2}$/.exec(prefix)?.[1];
  if (plain !== undefined)
    say(
      path,
      `${prefix} holds a *, which stands for itself here`,
      `write ${plain || '/'}: a path takes all below it`,
    );
}

function checkRouteRules(
  rules: readonly (string | undefined)[] | undefined,
  known: Readonly<Record<string, unknown>> | undefined,
  path: string,
  say: Say,
): void {
  if (known === undefined) return;
  const seen = new Set<string>();
  for (const [at, rule] of present(rules)) {
    const place = `${path}.waf.rules[${at}]`;
    if (!Object.hasOwn(known, rule)) {
      say(
        place,
        `no rules are named ${JSON.stringify(rule)}`,
        choose(rule, Object.keys(known), 'waf.rules'),
      );
    } else if (seen.has(rule)) {
      say(place, `${rule} would run twice`, 'keep one');
    }
    seen.add(rule);
  }
}

function isRouteHost(host: string): boolean {
  if (host === '*') return true;
  const name = host.startsWith('*.') ? host.slice(2) : host;
  if (/^\[.+\]$/.test(name)) return parseIp(name.slice(1, -1))?.family === 6;
  return (
    name.length <= 253 &&
    name.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
  );
}

function choose(name: string, known: readonly string[], where: string): string {
  const near = nearestName(name, known);
  if (near !== null) return `did you mean ${near}?`;
  return known.length === 0
    ? `add it under ${where}`
    : `add it under ${where}, which has ${known.slice(0, 10).join(', ')}`;
}
