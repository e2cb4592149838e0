/** Listeners: addresses, what each does, its certificates, and whom it believes. */
import { isLoopback, parseCidr, parseIp } from '#core/ip.ts';
import { nearestName } from '#core/nearest-name.ts';
import { addressesCollide, type ListenAddress, parseListenAddress } from './address.ts';
import { checkTls } from './check-tls.ts';
import { type ConfigDraft, type Draft, present } from './draft.ts';
import type { Listener } from './listener-schema.ts';
import type { Say } from './problem.ts';

export async function checkListeners(config: ConfigDraft, nowMs: number, say: Say): Promise<void> {
  checkAddresses(config, say);
  for (const [index, listener] of present(config.edge?.listeners)) {
    const path = `edge.listeners[${index}]`;
    checkListenerKind(listener, path, say);
    checkTcp(config, listener, path, say);
    checkClientAddress(config, listener, path, say);
    checkRanges(listener.proxyProtocol?.from, `${path}.proxyProtocol.from`, say);
    if (listener.tls !== undefined) await checkTls(listener.tls, `${path}.tls`, nowMs, say);
  }
  checkRanges(config.edge?.allow, 'edge.allow', say);
  checkRanges(config.edge?.trustedProxies, 'edge.trustedProxies', say);
  checkRanges(config.edge?.limits?.unlimitedAddresses, 'edge.limits.unlimitedAddresses', say);
}

function checkListenerKind(listener: Draft<Listener>, path: string, say: Say): void {
  const kinds = (['tls', 'redirect', 'plaintext', 'tcp'] as const).filter((kind) =>
    Object.hasOwn(listener, kind),
  );
  if (kinds.length === 0) {
    say(
      path,
      'says neither tls, redirect, plaintext nor tcp',
      'add tls: { certificates: [{ cert: FILE, key: FILE }] }, or redirect: https, plaintext: true to serve without TLS, or tcp: { upstream: NAME } to pass bytes through',
    );
  } else if (kinds.length > 1) {
    say(
      path,
      `says ${kinds.join(' and ')}, but a listener does one thing`,
      `keep one of ${kinds.join(', ')}`,
    );
  }
  if (listener.http2 !== undefined && !kinds.includes('tls') && !kinds.includes('plaintext')) {
    say(`${path}.http2`, 'does nothing without tls or plaintext', 'leave http2 out');
  }
  const servesRequests = kinds.includes('tls') || kinds.includes('plaintext');
  if (kinds.length === 1 && !servesRequests) {
    const { headerAliases = 'drop-known', lengthWithChunked = 'refuse' } = listener;
    const { connect = 'refuse', withoutVersion = 'refuse' } = listener;

    if (headerAliases !== 'drop-known')
      say(`${path}.headerAliases`, 'does nothing where no request goes on', 'leave it out');
    if (connect !== 'refuse')
      say(`${path}.connect`, 'does nothing where no request goes on', 'leave it out');
    if (withoutVersion !== 'refuse')
      say(`${path}.withoutVersion`, 'does nothing where no rules run', 'leave it out');
    if (lengthWithChunked !== 'refuse' && listener.tcp !== undefined)
      say(`${path}.lengthWithChunked`, 'does nothing where bytes pass as they are', 'leave it out');
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
      say(path, `${JSON.stringify(text)} is no address and port`, addressHint(text));
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

/** `:8443`, `*:8443` and `8443` mean every address elsewhere; here each family has its own listener. */
function addressHint(text: string): string {
  const port = /^(?:\*?:)?([0-9]{1,5})$/.exec(text)?.[1];
  return port === undefined
    ? 'for example "127.0.0.1:8443", "0.0.0.0:8443" or "[::]:8443"'
    : `write "0.0.0.0:${port}" for every IPv4 address; "[::]:${port}", a listener of its own, for IPv6`;
}

function isLoopbackHost(host: string): boolean {
  const address = parseIp(host);
  return address !== null && isLoopback(address);
}

function checkTcp(config: ConfigDraft, listener: Draft<Listener>, path: string, say: Say): void {
  if (listener.tcp !== undefined) {
    const known = Object.keys(config.upstreams ?? {});
    const name = listener.tcp.upstream;
    if (name !== undefined && config.upstreams !== undefined && !known.includes(name)) {
      const near = nearestName(name, known);
      say(
        `${path}.tcp.upstream`,
        `no upstream is named ${name}`,
        near === null ? `there are ${known.join(', ')}` : `did you mean ${near}?`,
      );
    }
  }
  const servers = config.upstreams?.[listener.tcp?.upstream ?? '']?.servers;
  if (
    listener.tcp?.sendProxyProtocol !== undefined &&
    present(servers).some(([, { url }]) => url?.startsWith('https:'))
  ) {
    say(
      `${path}.tcp.sendProxyProtocol`,
      'would stand inside the TLS to an https server, where nobody looks for it',
      'leave it out, or name the server with http:// so that bytes pass as they are',
    );
  }
}

function checkClientAddress(
  config: ConfigDraft,
  listener: Draft<Listener>,
  path: string,
  say: Say,
): void {
  const rule = listener.clientAddress;
  if (rule === undefined) return;
  if (listener.tcp !== undefined || listener.redirect !== undefined) {
    say(
      `${path}.clientAddress`,
      'does nothing on a listener that serves no requests',
      'leave it out',
    );
  } else if (config.edge?.trustedProxies?.length === 0) {
    say(
      `${path}.clientAddress`,
      'is believed from edge.trustedProxies only, and there are none',
      'name the proxies in front under edge.trustedProxies',
    );
  }
  const isList = /^(?:x-forwarded-for|forwarded)$/i.test(rule.header ?? '');
  if (rule.header !== undefined && !isList && (rule.hops ?? 1) !== 1) {
    say(
      `${path}.clientAddress.hops`,
      `${rule.header} holds one address, so there is nothing to count`,
      'leave it out',
    );
  }
}

function checkRanges(
  ranges: readonly (string | undefined)[] | undefined,
  path: string,
  say: Say,
): void {
  for (const [index, text] of present(ranges)) {
    const at = `${path}[${index}]`;
    const cidr = parseCidr(text);
    if (cidr === null) {
      say(
        at,
        `${JSON.stringify(text)} is no address or CIDR range`,
        'for example 10.0.0.0/8 or fd00::/8',
      );
    } else if (cidr.hostBitsSet) {
      say(
        at,
        `${text} names an address inside the range ${cidr.text}`,
        `write ${cidr.text}, or the address alone`,
      );
    }
  }
}
