/**
 * Whether an address is one of the public Internet (IANA special-purpose registries, RFC 6890 and what came
 * after). Everything that could be this machine, its network or its cloud's metadata service is not, nor are
 * IPv6 addresses that carry an IPv4 one to be reached through a translator.
 */
import { CidrMap } from './cidr-map.ts';
import { type Cidr, parseCidr, parseIp } from './ip.ts';

const notPublic = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

/** Ranges that are not of the public Internet. */
export const notPublicRanges: readonly Cidr[] = notPublic.flatMap((text) => parseCidr(text) ?? []);

const ranges = new CidrMap<true>(notPublic.length);
for (const cidr of notPublicRanges) ranges.set(cidr, true);

/** False for what is no address, or one with a zone. */
export function isPublicAddress(text: string): boolean {
  return parseIp(text) !== null && ranges.lookup(text) === undefined;
}
