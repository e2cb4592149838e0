/** Upstreams: the servers' addresses, and whether their settings fit together and their files can be read. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describeError } from '#core/errors.ts';
import { checkCertificate } from './check-certificates.ts';
import { type ConfigDraft, type Draft, present, presentEntries } from './draft.ts';
import type { Say } from './problem.ts';
import type { Upstream, UpstreamHealth, UpstreamTls } from './upstream-schema.ts';
import { isHostField, isHostName, parseUpstreamUrl } from './upstream-url.ts';

export async function checkUpstreams(config: ConfigDraft, nowMs: number, say: Say): Promise<void> {
  for (const [name, upstream] of presentEntries(config.upstreams)) {
    const path = `upstreams.${name}`;
    const hasTls = checkServers(upstream, path, say);
    if (upstream.tls !== undefined) {
      if (!hasTls)
        say(`${path}.tls`, 'does nothing without an https:// server', 'leave it out, or name one');
      await checkTls(upstream.tls, `${path}.tls`, nowMs, say);
    }
    const { host } = upstream;
    if (host !== undefined && host !== 'keep' && host !== 'upstream' && !isHostField(host))
      say(`${path}.host`, `${JSON.stringify(host)} is no host`, 'keep, upstream or a host name');
    if (upstream.health !== undefined) checkHealth(upstream.health, `${path}.health`, say);
  }
}

/** True when one of them is reached over TLS. */
function checkServers(upstream: Draft<Upstream>, path: string, say: Say): boolean {
  const seen = new Set<string>();
  let hasTls = false;
  for (const [index, server] of present(upstream.servers)) {
    if (server.url === undefined) continue;
    const at = `${path}.servers[${index}].url`;
    const url = parseUpstreamUrl(server.url);
    if (!url.ok) {
      say(at, `${server.url} ${url.message}`, url.fix);
      continue;
    }
    hasTls ||= url.isTls;
    const key = url.kind === 'unix' ? url.path : `${url.host.toLowerCase()} ${url.port}`;
    if (seen.has(key)) say(at, `${server.url} stands in this upstream twice`, 'keep one');
    seen.add(key);
  }
  return hasTls;
}

async function checkTls(
  tls: Draft<UpstreamTls>,
  path: string,
  nowMs: number,
  say: Say,
): Promise<void> {
  const { ca, cert, key, serverName } = tls;
  if (serverName !== undefined && !isHostName(serverName))
    say(`${path}.serverName`, `${JSON.stringify(serverName)} is no host name`, 'give a name');
  if (tls.verify === false && ca !== undefined)
    say(`${path}.ca`, 'does nothing with verify: false', 'leave one of the two out');
  if ((cert === undefined) !== (key === undefined))
    say(
      cert === undefined ? `${path}.key` : `${path}.cert`,
      cert === undefined ? 'stands without cert' : 'stands without key',
      'name both, or neither',
    );
  if (ca !== undefined) await checkAuthorities(ca, `${path}.ca`, say);
  if (cert !== undefined && key !== undefined) {
    for (const problem of await checkCertificate({ cert, key }, nowMs))
      say(`${path}.${problem.key}`, problem.message, problem.fix);
  }
}

async function checkAuthorities(file: string, path: string, say: Say): Promise<void> {
  try {
    const text = await readFile(file, 'latin1');
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0)
      say(path, `${file} holds no PEM certificate`, "name the authority's certificate");
    for (const block of blocks) new X509Certificate(block);
  } catch (error) {
    say(
      path,
      `${file} cannot be read as certificates: ${describeError(error)}`,
      'name a PEM file with the authorities',
    );
  }
}

function checkHealth(health: Draft<UpstreamHealth>, path: string, say: Say): void {
  if (health.path !== undefined && !/^\/[\x21-\x22\x24-\x7e]*$/.test(health.path))
    say(`${path}.path`, 'holds a blank, a # or a byte that is not ASCII', 'percent-encode it');
  if (health.host !== undefined && !isHostField(health.host))
    say(`${path}.host`, `${JSON.stringify(health.host)} is no host`, 'give a host name');
  for (const [index, range] of present(health.expect)) {
    const [from = '', to = from] = range.split('-');
    if (Number(from) > Number(to))
      say(`${path}.expect[${index}]`, `${range} is an empty range`, `write ${to}-${from}`);
  }
  const { intervalMs, timeoutMs } = health;
  if (intervalMs !== undefined && timeoutMs !== undefined && timeoutMs > intervalMs)
    say(
      `${path}.timeoutMs`,
      `${timeoutMs} is longer than intervalMs (${intervalMs})`,
      `give at most ${intervalMs}`,
    );
}
