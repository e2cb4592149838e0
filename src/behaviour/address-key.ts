/**
 * Who is watched: an IPv4 address, or the /64 of an IPv6 one, as two words; and back to the text that a block
 * list takes. An IPv4 address has 0 in the first word, which of IPv6 only ::/32 has, and nobody is there.
 */
import { cidrOf, formatWords, readIp } from '#core/ip.ts';

export type AddressKey = { readonly high: number; readonly low: number };

const words = new Uint32Array(4);

/** Null for what is no address. */
export function addressKey(text: string): AddressKey | null {
  const zone = text.indexOf('%');
  const family = readIp(text, zone === -1 ? text.length : zone, words);
  if (family === 0) return null;
  const [first, second] = words as unknown as [number, number];
  return family === 4 ? { high: 0, low: first } : { high: first, low: second };
}

/** `192.0.2.1` or `2001:db8:1:2::/64`. */
export function targetOf({ high, low }: AddressKey): string {
  return high === 0
    ? formatWords(4, Uint32Array.of(low, 0, 0, 0))
    : cidrOf(6, Uint32Array.of(high, low, 0, 0), 64).text;
}
