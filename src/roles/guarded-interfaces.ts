/**
 * Which network interfaces the kernel shield guards: those the configuration names, or those that clients
 * come in by.
 *
 * ```
 * 192.0.2.1:443   the interface that has 192.0.2.1
 * 0.0.0.0:443     that of the IPv4 default route         [::]:443   that of the IPv6 default route
 * 127.0.0.1:443   none: who is on this machine already is not kept out by a packet filter
 * ```
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parseListenAddress } from '#config/address.ts';
import type { Config } from '#config/schema.ts';
import { isLoopback, isUnspecified, parseIp } from '#core/ip.ts';

export type GuardedInterface = { readonly name: string; readonly index: number };

/** No fault of the machine: nobody else reaches such a listener. */
export const nothingToGuard =
  'every listener is on a loopback address; name an interface in kernel.interface to guard one';

/** The reason, where there is none to guard. */
export function guardedInterfaces(config: Config): readonly GuardedInterface[] | string {
  const asked = config.kernel.interface;
  const names =
    asked === 'auto' ? interfacesOfListeners(config) : typeof asked === 'string' ? [asked] : asked;
  if (names.length === 0) return nothingToGuard;
  const found: GuardedInterface[] = [];
  for (const name of new Set(names)) {
    const index = interfaceIndex(name);
    if (index === null) return `there is no network interface ${name}`;
    found.push({ name, index });
  }
  return found;
}

function interfacesOfListeners(config: Config): string[] {
  return config.edge.listeners.flatMap(({ address }) => {
    const host = parseListenAddress(address)?.host;
    const ip = host === undefined ? null : parseIp(host);
    if (ip === null || isLoopback(ip)) return [];
    if (isUnspecified(ip)) return defaultRoutes(ip.family);
    return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
      (addresses ?? []).some((one) => parseIp(one.address)?.text === ip.text) ? [name] : [],
    );
  });
}

/** `/proc/net/route` and `/proc/net/ipv6_route` (proc(5)), of this network namespace. */
function defaultRoutes(family: 4 | 6): string[] {
  const lines = readLines(family === 4 ? '/proc/net/route' : '/proc/net/ipv6_route');
  return lines.flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    if (family === 4) {
      const [name = '', destination, , , , , , mask] = columns;
      return destination === '00000000' && mask === '00000000' ? [name] : [];
    }
    const [destination = '', length, , , , , , , , name = ''] = columns;
    // The kernel's own entry that refuses what has no route stands on lo.
    return length === '00' && /^0+$/.test(destination) && name !== 'lo' ? [name] : [];
  });
}

function interfaceIndex(name: string): number | null {
  const [text = ''] = readLines(`/sys/class/net/${name}/ifindex`);
  return /^[1-9][0-9]*$/.test(text) ? Number(text) : null;
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
