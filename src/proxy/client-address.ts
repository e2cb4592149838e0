/**
 * Who the client is: one function decides, and rules, logs, block list and forwarding fields all use it.
 *
 * Only a trusted proxy may speak for somebody else. X-Forwarded-For is read from the right, past trusted
 * addresses; the first one that is not trusted is the client. Anything malformed ends the walk at the
 * last address that could be believed.
 */
import type { CidrMap } from '#core/cidr-map.ts';
import { parseIp } from '#core/ip.ts';
import type { HeadView } from '#waf/head-view.ts';
import { fieldKind } from './http1/field-kind.ts';

/** Bound on the addresses read from X-Forwarded-For; a longer chain is not believed beyond it. */
const hopsMax = 32;

export function clientAddress(peer: string, view: HeadView, trusted: CidrMap<true>): string {
  let client = peer;
  let hops = 0;
  for (let i = view.headerCount - 1; i >= 0; i--) {
    if (view.kinds[i] !== fieldKind.xForwardedFor) continue;
    const parts = view.headerValue(i).split(',');
    for (let part = parts.length - 1; part >= 0; part--) {
      const text = (parts[part] as string).trim();
      const address = ++hops > hopsMax ? null : parseIp(text);
      if (address === null) return client;
      // In its canonical form, so that one client has one name.
      client = address.text;
      if (trusted.lookup(client) === undefined) return client;
    }
  }
  return client;
}

/** `::ffff:192.0.2.1` is how a dual-stack socket shows an IPv4 peer. */
export function peerAddress(remoteAddress: string): string {
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress;
}
