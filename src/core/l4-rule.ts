/**
 * A rule over addresses, ports and protocol, as people write it and as everybody else has it.
 *
 * What is not named matches all. The first rule that matches a packet decides, so order is part of the set.
 * A port is the destination's, of TCP and UDP; who names a port and no protocol means both.
 */
import { type Cidr, parseCidr } from './ip.ts';

export const l4RulesMax = 256;

export const l4RuleActions = ['pass', 'drop', 'inspect'] as const;
export type L4RuleAction = (typeof l4RuleActions)[number];

export type L4Rule = {
  /** Given once, never again: counters and people name a rule by it. */
  readonly id: number;
  /** Canonical, or null for any. */
  readonly source: string | null;
  readonly destination: string | null;
  readonly port: PortRange | null;
  /** Number of the IANA registry, or null for any. */
  readonly protocol: number | null;
  readonly action: L4RuleAction;
};

export type PortRange = { readonly first: number; readonly last: number };

/** As it stands on a command line or in a request; what is left out is any. */
export type L4RuleText = {
  readonly source?: string | null;
  readonly destination?: string | null;
  readonly port?: string | null;
  readonly protocol?: string | null;
  readonly action: string;
};

export type L4RuleParsed =
  | { readonly ok: true; readonly rule: Omit<L4Rule, 'id'> }
  | { readonly ok: false; readonly problems: readonly string[] };

const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  icmp6: 58,
};
const protocolNames = new Map(
  Object.entries(protocolNumbers).map(([name, number]) => [number, name] as const),
);

/** Every problem, each with what to write instead. */
export function parseL4Rule(text: L4RuleText): L4RuleParsed {
  const problems: string[] = [];
  const source = readRange('source', text.source, problems);
  const destination = readRange('destination', text.destination, problems);
  const protocol = readProtocol(text.protocol, problems);
  const port = readPort(text.port, problems);
  const action = l4RuleActions.find((name) => name === text.action);
  if (action === undefined)
    problems.push(`"${text.action}" is no action; write pass, drop or inspect`);
  if (source && destination && source.family !== destination.family) {
    problems.push(
      `source ${source.text} is IPv${source.family} and destination ${destination.text} IPv${destination.family}, so no packet has both; write two rules`,
    );
  }
  const family = (source ?? destination)?.family;
  if (protocol === 1 && family === 6)
    problems.push('icmp is of IPv4 and the address is IPv6; write icmp6');
  if (protocol === 58 && family === 4)
    problems.push('icmp6 is of IPv6 and the address is IPv4; write icmp');
  if (port !== null && protocol !== null && protocol !== 6 && protocol !== 17)
    problems.push(
      `${formatProtocol(protocol)} has no ports; leave the port out, or write tcp or udp`,
    );
  if (problems.length > 0 || action === undefined) return { ok: false, problems };
  return {
    ok: true,
    rule: {
      source: source?.text ?? null,
      destination: destination?.text ?? null,
      port,
      protocol,
      action,
    },
  };
}

export function formatProtocol(protocol: number | null): string {
  return protocol === null ? 'any' : (protocolNames.get(protocol) ?? String(protocol));
}

export function formatPort(port: PortRange | null): string {
  if (port === null) return 'any';
  return port.first === port.last ? String(port.first) : `${port.first}-${port.last}`;
}

/** As the command line takes it. */
export function formatL4Rule(rule: Omit<L4Rule, 'id'>): string {
  return [
    rule.source === null ? '' : `--src ${rule.source}`,
    rule.destination === null ? '' : `--dst ${rule.destination}`,
    rule.port === null ? '' : `--port ${formatPort(rule.port)}`,
    rule.protocol === null ? '' : `--proto ${formatProtocol(rule.protocol)}`,
    `--action ${rule.action}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function isAny(text: string | null | undefined): text is null | undefined | 'any' {
  return text === null || text === undefined || text === 'any';
}

function readRange(
  what: 'source' | 'destination',
  text: string | null | undefined,
  problems: string[],
): Cidr | null {
  if (isAny(text)) return null;
  const cidr = parseCidr(text);
  if (cidr === null)
    problems.push(
      `"${text}" is no ${what}; write an address or range (192.0.2.0/24, 2001:db8::/32) or any`,
    );
  else if (cidr.hostBitsSet)
    problems.push(
      `${what} "${text}" names an address inside its range; write ${cidr.text} for the range, or the address alone`,
    );
  return cidr;
}

function readProtocol(text: string | null | undefined, problems: string[]): number | null {
  if (isAny(text)) return null;
  const number = /^(?:0|[1-9][0-9]{0,2})$/.test(text)
    ? Number(text)
    : (protocolNumbers[text.toLowerCase()] ?? -1);
  if (number >= 0 && number <= 255) return number;
  problems.push(`"${text}" is no protocol; write tcp, udp, icmp, icmp6, any or a number to 255`);
  return null;
}

function readPort(text: string | null | undefined, problems: string[]): PortRange | null {
  if (isAny(text)) return null;
  const parts = /^([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?$/.exec(text);
  const first = Number(parts?.[1] ?? 0);
  const last = Number(parts?.[2] ?? first);
  if (parts === null || first > 65_535 || last > 65_535) {
    problems.push(`"${text}" is no port; write one of 1 to 65535, or a range as 8000-8100`);
    return null;
  }
  if (first > last) {
    problems.push(`port range ${text} ends before it begins; write ${last}-${first}`);
    return null;
  }
  return { first, last };
}
