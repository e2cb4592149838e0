/**
 * Addresses that no module and no detector may block, whatever a client makes them believe: the node lives by
 * them, or the operator said that limits do not hold for them. People may, with `weir block add`.
 */
import { getServers } from 'node:dns';
import type { Config } from '#config/schema.ts';
import { parseUpstreamUrl } from '#config/upstream-url.ts';
import { CidrMap } from '#core/cidr-map.ts';
import { type Cidr, parseCidr, parseIp } from '#core/ip.ts';

export function protectedAddresses(config: Config): CidrMap<true> {
  const ranges = protectedRanges(config);
  const map = new CidrMap<true>(Math.max(1, ranges.length));
  for (const range of ranges) map.set(range, true);
  return map;
}

export function protectedRanges(config: Config): Cidr[] {
  const { edge, admin } = config;
  return [
    '127.0.0.0/8',
    '::1',
    // Of the link: its routers speak from there.
    '169.254.0.0/16',
    'fe80::/10',
    ...edge.allow,
    ...edge.trustedProxies,
    ...edge.limits.unlimitedAddresses,
    ...hostOf(admin.address),
    ...edge.listeners.flatMap(({ address }) => hostOf(address)),
    ...edge.listeners.flatMap(({ proxyProtocol }) => proxyProtocol?.from ?? []),
    ...upstreamHosts(config),
    ...fleetHosts(config),
    ...getServers().flatMap((server) => hostOf(server)),
  ].flatMap((text) => parseCidr(text) ?? []);
}

/** Hosts of upstreams and of the bus that only a name server can turn into addresses. */
export function upstreamNames(config: Config): string[] {
  const hosts = [...upstreamHosts(config), ...fleetHosts(config)];
  return [...new Set(hosts)].filter((host) => parseCidr(host) === null);
}

/** The servers of the bus, where this node's control plane reaches it, and what the operator says of the fleet. */
function fleetHosts({ fleet }: Config): string[] {
  if (fleet === undefined) return [];
  const servers = fleet.nats.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ''));
  const advertised = fleet.advertise === undefined ? [] : hostOf(fleet.advertise);
  return [...servers, ...advertised, ...fleet.neverBlock];
}

function upstreamHosts({ upstreams }: Config): string[] {
  return Object.values(upstreams).flatMap(({ servers }) =>
    servers.flatMap(({ url }) => {
      const parsed = parseUpstreamUrl(url);
      return parsed.ok && parsed.kind === 'tcp' ? [parsed.host] : [];
    }),
  );
}

/** `192.0.2.1:443` or `[2001:db8::1]:443`, with or without the port; none where it is every address. */
function hostOf(address: string): string[] {
  const host = parseIp(address) === null ? address.replace(/:\d+$/, '') : address;
  const ip = parseIp(host.replace(/^\[|\]$/g, ''));
  return ip === null || ip.words.every((word) => word === 0) ? [] : [ip.text];
}
