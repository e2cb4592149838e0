/** Listeners: addresses, what each does, its certificates, and whom it believes. */
import { isLoopback, parseCidr, parseIp } from '#core/ip.ts';
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
    if (listener.tls !== undefined) await checkTls(listener.tls, `${path}.tls`, nowMs, say);
  }
  checkTrustedProxies(config, say);
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
