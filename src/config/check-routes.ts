/** Routes: what they match, and that what they name exists. */
import { parseIp } from '#core/ip.ts';
import { type ConfigDraft, type Draft, present } from './draft.ts';
import { nearestName } from './nearest-name.ts';
import type { Say } from './problem.ts';
import type { Route } from './route-schema.ts';

export function checkRoutes(config: ConfigDraft, say: Say): void {
  const seen = new Map<string, string>();
  for (const [index, route] of present(config.routes)) {
    const path = `routes[${index}]`;
    checkRouteMatch(route.match ?? {}, path, seen, say);
    // hasOwn: "constructor" is a name like any other.
    const { upstreams } = config;
    if (
      route.upstream !== undefined &&
      upstreams !== undefined &&
      !Object.hasOwn(upstreams, route.upstream)
    ) {
      say(
        `${path}.upstream`,
        `no upstream is named ${JSON.stringify(route.upstream)}`,
        choose(route.upstream, Object.keys(upstreams), 'upstreams'),
      );
    }
    checkRouteRules(route.waf?.rules, config.waf?.rules, path, say);
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
  const key = `${host.toLowerCase()} ${prefix}`;
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
