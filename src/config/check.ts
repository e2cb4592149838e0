/**
 * Whether a configuration of the right shape fits together and fits this machine: addresses, files,
 * references between its parts. All problems at once, as from the loader.
 */
import { access, constants, stat } from 'node:fs/promises';
import { describeError } from '#core/errors.ts';
import { isLoopback, parseCidr, parseIp } from '#core/ip.ts';
import { addressesCollide, type ListenAddress, parseListenAddress } from './address.ts';
import { checkCertificate } from './check-certificates.ts';
import { type ConfigDraft, type Draft, present, presentEntries } from './draft.ts';
import { builtinPrefix } from './file-names.ts';
import type { LoadedConfig, LoadedDraft, LoadFailure } from './load.ts';
import { nearestName } from './nearest-name.ts';
import { type ConfigProblem, sortProblems } from './problem.ts';
import { configSchema, type Listener, type Route } from './schema.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

/** `fix` may be left out. */
type Say = (path: string, message: string, fix?: string) => void;

/** Everything wrong with what `loadConfig` gave: its own problems, and those of the parts that are whole. */
export async function allProblems(
  loaded: LoadedConfig | LoadFailure,
): Promise<readonly ConfigProblem[]> {
  if (loaded.ok) return checkConfig(loaded);
  const further = loaded.draft === null ? [] : await checkConfig(loaded.draft);
  return sortProblems([...loaded.problems, ...further]);
}

export async function checkConfig(
  loaded: LoadedDraft,
  nowMs = Date.now(),
): Promise<readonly ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  const say: Say = (path, message, fix) => {
    const origin = loaded.origins.get(path) ?? '';
    const position =
      origin.startsWith('env') || origin === 'default' ? undefined : loaded.positions.get(path);
    const place = { line: position?.line ?? null, column: position?.column ?? null };
    problems.push({ path, message, ...place, ...(fix === undefined ? {} : { fix }) });
  };
  const { config } = loaded;
  checkAddresses(config, say);
  for (const [index, listener] of present(config.edge?.listeners)) {
    checkListenerKind(listener, `edge.listeners[${index}]`, say);
  }
  checkTrustedProxies(config, say);
  checkUpstreams(config, say);
  checkRoutes(config, say);
  await checkCertificates(config, nowMs, say);
  await checkModules(config, say);
  await checkRedact(config, say);
  return sortProblems(problems);
}

function checkListenerKind(listener: Draft<Listener>, path: string, say: Say): void {
  const kinds = (['tls', 'redirect', 'plaintext'] as const).filter((kind) =>
    Object.hasOwn(listener, kind),
  );
  if (kinds.length === 0) {
    say(
      path,
      'says neither tls, redirect nor plaintext',
      'add tls: { certificates: [{ cert: FILE, key: FILE }] }, or redirect: https, or plaintext: true to serve without TLS',
    );
  } else if (kinds.length > 1) {
    say(
      path,
      `says ${kinds.join(' and ')}, but a listener does one thing`,
      `keep one of ${kinds.join(', ')}`,
    );
  }
  if (listener.redirectPort !== undefined && listener.redirect === undefined) {
    say(
      `${path}.redirectPort`,
      'does nothing without redirect',
      'add redirect: https, or leave redirectPort out',
    );
  }
}

function checkAddresses(config: ConfigDraft, say: Say): void {
  const taken: { readonly path: string; readonly address: ListenAddress }[] = [];
  const named = present(config.edge?.listeners).map(([index, { address }]) => ({
    path: `edge.listeners[${index}].address`,
    text: address,
  }));
  for (const { path, text } of [...named, { path: 'admin.address', text: config.admin?.address }]) {
    if (text === undefined) continue;
    const address = parseListenAddress(text);
    if (address === null) {
      say(
        path,
        `${JSON.stringify(text)} is no address and port`,
        'for example "127.0.0.1:8443", "0.0.0.0:8443" or "[::]:8443"',
      );
      continue;
    }
    if (path === 'admin.address' && !isLoopbackHost(address.host)) {
      say(
        path,
        `${text} can be reached from other machines, and the management API has no TLS`,
        'use 127.0.0.1 or [::1]',
      );
    }
    const other = taken.find((entry) => addressesCollide(entry.address, address));
    if (other !== undefined)
      say(path, `${text} is taken by ${other.path}`, 'give each its own port');
    taken.push({ path, address });
  }
}

function isLoopbackHost(host: string): boolean {
  const address = parseIp(host);
  return address !== null && isLoopback(address);
}

function checkTrustedProxies(config: ConfigDraft, say: Say): void {
  for (const [index, text] of present(config.edge?.trustedProxies)) {
    const path = `edge.trustedProxies[${index}]`;
    const cidr = parseCidr(text);
    if (cidr === null) {
      say(
        path,
        `${JSON.stringify(text)} is no address or CIDR range`,
        'for example 10.0.0.0/8 or fd00::/8',
      );
    } else if (cidr.hostBitsSet) {
      say(
        path,
        `${text} names an address inside the range ${cidr.text}`,
        `write ${cidr.text}, or the address alone`,
      );
    }
  }
}

function checkUpstreams(config: ConfigDraft, say: Say): void {
  for (const [name, upstream] of presentEntries(config.upstreams)) {
    const seen = new Set<string>();
    for (const [index, server] of present(upstream.servers)) {
      if (server.url === undefined) continue;
      const path = `upstreams.${name}.servers[${index}].url`;
      const url = parseUpstreamUrl(server.url);
      if (!url.ok) {
        say(path, `${server.url} ${url.message}`, url.fix);
        continue;
      }
      const key = `${url.host.toLowerCase()} ${url.port}`;
      if (seen.has(key)) say(path, `${server.url} stands in this upstream twice`, 'keep one');
      seen.add(key);
    }
  }
}

function checkRoutes(config: ConfigDraft, say: Say): void {
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

async function checkCertificates(config: ConfigDraft, nowMs: number, say: Say): Promise<void> {
  for (const [index, listener] of present(config.edge?.listeners)) {
    for (const [at, { cert, key }] of present(listener.tls?.certificates)) {
      if (cert === undefined || key === undefined) continue;
      for (const problem of await checkCertificate({ cert, key }, nowMs)) {
        say(
          `edge.listeners[${index}].tls.certificates[${at}].${problem.key}`,
          problem.message,
          problem.fix,
        );
      }
    }
  }
}

async function checkModules(config: ConfigDraft, say: Say): Promise<void> {
  for (const [name, rule] of presentEntries(config.waf?.rules)) {
    if (rule.module === undefined) continue;
    const path = `waf.rules.${name}.module`;
    if (rule.module.startsWith(builtinPrefix)) {
      const builtin = rule.module.slice(builtinPrefix.length);
      if (!(await isBuiltin(builtin)))
        say(
          path,
          `no rules named ${builtin} ship with Weir`,
          'see wasm-rules/rules for those that do',
        );
      continue;
    }
    try {
      await access(rule.module, constants.R_OK);
      if (!(await stat(rule.module)).isFile())
        say(path, `${rule.module} is no file`, 'name a .wasm file');
    } catch (error) {
      say(
        path,
        `${rule.module} cannot be read: ${describeError(error)}`,
        `name a .wasm file, or ${builtinPrefix}NAME`,
      );
    }
  }
}

/** What ships is a folder under wasm-rules/rules. */
async function isBuiltin(name: string): Promise<boolean> {
  if (!/^[a-z0-9-]{1,64}$/.test(name)) return false;
  try {
    return (await stat(new URL(`../../wasm-rules/rules/${name}/`, import.meta.url))).isDirectory();
  } catch {
    return false;
  }
}

async function checkRedact(config: ConfigDraft, say: Say): Promise<void> {
  const redact = config.accessLog?.redact;
  const standard = JSON.stringify(configSchema.properties.accessLog.properties.redact);
  if (redact === undefined || redact.length === 0) return;
  type Re2 = new (pattern: string) => unknown;
  let re2: Re2;
  try {
    re2 = (await import('re2')).default;
  } catch {
    // With the standard patterns the node runs and leaves query strings out of its log, and says so.
    if (!standard.includes(JSON.stringify(redact))) {
      say(
        'accessLog.redact',
        'RE2 is not built on this machine, so these patterns cannot be applied',
        'npm start builds it; build/setup-re2.log says what failed',
      );
    }
    return;
  }
  for (const [index, pattern] of present(redact)) {
    try {
      new re2(pattern);
    } catch (error) {
      say(
        `accessLog.redact[${index}]`,
        `is no RE2 pattern: ${describeError(error)}`,
        'RE2 has no look-around and no back references',
      );
    }
  }
}
