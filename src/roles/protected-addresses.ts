/**
 * Addresses that no module may block, whatever a request makes it believe: the node lives by them, or the
 * operator said that limits do not hold for them. People may, with `weir block add`.
 */
import type { Config } from '#config/schema.ts';
import { CidrMap } from '#core/cidr-map.ts';
import { parseCidr, parseIp } from '#core/ip.ts';

export function protectedAddresses(config: Config): CidrMap<true> {
  const texts = [
    '127.0.0.0/8',
    '::1',
    ...config.edge.allow,
    ...config.edge.trustedProxies,
    ...config.edge.limits.unlimitedAddresses,
    ...hostOf(config.admin.address),
    ...config.edge.listeners.flatMap(({ address }) => hostOf(address)),
  ];
  const map = new CidrMap<true>(texts.length);
  for (const text of texts) {
    const cidr = parseCidr(text);
    if (cidr !== null) map.set(cidr, true);
  }
  return map;
}

/** `192.0.2.1:443` or `[2001:db8::1]:443`; none where it is every address. */
function hostOf(address: string): string[] {
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const ip = parseIp(host);
  return ip === null || ip.words.every((word) => word === 0) ? [] : [ip.text];
}
