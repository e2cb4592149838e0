/**
 * Whether the packets of a management connection would be dropped by a set of rules: who makes such a change
 * from afar cannot take it back.
 */
import type { Caller } from '#admin/rule-control.ts';
import { cidrContains, type IpAddress, isLoopback, parseCidr, parseIp } from '#core/ip.ts';
import type { L4Rule } from '#core/l4-rule.ts';

const tcp = 6;

export type ReachTerms = {
  /** Addresses and ranges that rules do not hold for (`edge.allow`). */
  readonly allowed: readonly string[];
  /** Whether packets of the machine to itself are guarded too. */
  readonly guardsLoopback: boolean;
};

/** The rule that drops them, or null. */
export function ruleAgainst(
  rules: readonly L4Rule[],
  caller: Caller,
  { allowed, guardsLoopback }: ReachTerms,
): L4Rule | null {
  const source = parseIp(unmapped(caller.address));
  const destination = parseIp(unmapped(caller.localAddress));
  if (source === null || destination === null) return null;
  if (!guardsLoopback && (isLoopback(source) || source.text === destination.text)) return null;
  if (allowed.some((range) => covers(range, source))) return null;
  const first = rules.find(
    (rule) =>
      covers(rule.source, source) &&
      covers(rule.destination, destination) &&
      (rule.port === null ||
        (rule.port.first <= caller.localPort && caller.localPort <= rule.port.last)) &&
      (rule.protocol === null || rule.protocol === tcp),
  );
  return first?.action === 'drop' ? first : null;
}

function covers(range: string | null, address: IpAddress): boolean {
  const cidr = range === null ? null : parseCidr(range);
  return range === null || (cidr !== null && cidrContains(cidr, address));
}

/** On a socket for both families IPv4 comes as IPv6; on the wire it is IPv4. */
const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');
