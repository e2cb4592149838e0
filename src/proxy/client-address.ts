/**
 * Who the client is: one function decides, and rules, logs, block list and forwarding fields all use it.
 *
 * Only a trusted proxy may speak for somebody else; from anyone else the fields are not even read. A
 * trusted one is believed in one of two ways:
 *
 * - without a rule, X-Forwarded-For is read from the right, past trusted addresses; the first that is not
 *   trusted is the client;
 * - with a listener's rule, the address is the nth from the right of the field named there, where n is how
 *   many proxies stand in front, or the one address in a field such as CF-Connecting-IP.
 *
 * Anything malformed ends the reading at the last address that could be believed.
 */
import type { CidrMap } from '#core/cidr-map.ts';
import { parseIp } from '#core/ip.ts';
import type { HeadView } from '#waf/head-view.ts';
import { forwardedFor } from './forwarded-field.ts';
import { ascii, equalsFolded } from './http1/bytes.ts';
import { fieldKind } from './http1/field-kind.ts';

/** How a listener reads it, compiled. */
export type AddressRule = {
  readonly form: 'list' | 'forwarded' | 'single';
  /** Field name in lower case. */
  readonly name: Uint8Array;
  /** 1 is the rightmost. */
  readonly hops: number;
};

/** Bound on the addresses read from a field; a longer chain is not believed beyond it. */
export const hopsMax = 32;

export function compileAddressRule(header: string, hops: number): AddressRule {
  const name = header.toLowerCase();
  const form = name === 'x-forwarded-for' ? 'list' : name === 'forwarded' ? 'forwarded' : 'single';
  return { form, name: ascii(name), hops };
}

/** For a peer that is trusted; anyone else is the client itself. */
export function clientAddress(
  peer: string,
  view: HeadView,
  trusted: CidrMap<true>,
  rule: AddressRule | null,
): string {
  if (rule === null) return pastTrusted(peer, view, trusted);
  return rule.form === 'single' ? single(peer, view, rule) : nthFromRight(peer, view, rule);
}

function pastTrusted(peer: string, view: HeadView, trusted: CidrMap<true>): string {
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

function nthFromRight(peer: string, view: HeadView, rule: AddressRule): string {
  let client = peer;
  let left = rule.hops;
  for (let i = view.headerCount - 1; i >= 0; i--) {
    if (!isNamed(view, i, rule.name)) continue;
    const value = view.headerValue(i);
    const parts =
      rule.form === 'list' ? value.split(',').map((part) => part.trim()) : forwardedFor(value);
    for (let part = parts.length - 1; part >= 0; part--) {
      const address = parseIp(parts[part] as string);
      if (address === null) return client;
      client = address.text;
      if (--left === 0) return client;
    }
  }
  return client;
}

/** Two such fields could each be somebody's word: then neither is believed. */
function single(peer: string, view: HeadView, rule: AddressRule): string {
  let client: string | null = null;
  for (let i = 0; i < view.headerCount; i++) {
    if (!isNamed(view, i, rule.name)) continue;
    if (client !== null) return peer;
    client = parseIp(view.headerValue(i))?.text ?? peer;
  }
  return client ?? peer;
}

function isNamed(view: HeadView, index: number, name: Uint8Array): boolean {
  const at = index * 4;
  const start = view.headers[at] as number;
  const end = view.headers[at + 1] as number;
  return end - start === name.length && equalsFolded(view.bytes, start, end, name);
}

/** `::ffff:192.0.2.1` is how a dual-stack socket shows an IPv4 peer. */
export function peerAddress(remoteAddress: string): string {
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress;
}
