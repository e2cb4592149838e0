/** `host:port` as the configuration writes it: an IP address (IPv6 in brackets) and a port, 0 for any. */
import { isUnspecified, parseIp } from '#core/ip.ts';

export type ListenAddress = {
  /** Canonical, without brackets: what `server.listen` wants. */
  readonly host: string;
  readonly port: number;
  readonly family: 4 | 6;
};

export function parseListenAddress(text: string): ListenAddress | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(0|[1-9][0-9]{0,4})$/.exec(text);
  if (match === null) return null;
  const [, bracketed, bare, digits] = match;
  const address = parseIp(bracketed ?? bare ?? '');
  const port = Number(digits);
  // Brackets are for IPv6 text; `[127.0.0.1]` and a mapped address are somebody's mistake.
  if (address === null || port > 65_535 || (address.family === 6) !== (bracketed !== undefined))
    return null;
  return { host: address.text, port, family: address.family };
}

export function formatListenAddress(address: Pick<ListenAddress, 'host' | 'port'>): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`;
}

/**
 * Whether two sockets cannot both have their address. `0.0.0.0` holds every IPv4 address of its port and
 * `[::]` every IPv6 one; the two beside each other are the usual way to say "both".
 */
export function addressesCollide(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port === 0 || a.port !== b.port) return false;
  if (a.host === b.host) return true;
  return a.family === b.family && (isAny(a) || isAny(b));
}

function isAny(address: ListenAddress): boolean {
  const parsed = parseIp(address.host);
  return parsed !== null && isUnspecified(parsed);
}
