/**
 * At most so many events a second from one address, for any number of addresses, in bounded memory.
 *
 * GCRA: for each address one number, the time at which its bucket would be full again. An address that has
 * been quiet needs no entry, so forgetting one is harmless unless it was at its limit just now; where the
 * table is full the address longest without an event is forgotten. An attacker with more addresses than
 * entries is not held by this limit but by those over all addresses.
 */
import { assert } from '#core/assert.ts';
import { readIp } from '#core/ip.ts';

/** Some 10 MB where all of them are in use. */
export const addressEntriesMax = 65_536;

export class AddressRate {
  readonly #entriesMax: number;
  /** When the bucket is full again, by address; the order is that of the last event. */
  readonly #fullAt = new Map<string, number>();
  /** The last in that order: an event more of it needs no place taken out and made anew. */
  #last: string | null = null;

  constructor(entriesMax = addressEntriesMax) {
    assert(entriesMax >= 1, 'room for one address');
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** True, and counted, while the address is within `perSecond`; a second's worth may come at once. */
  take(address: string, perSecond: number, nowMs: number): boolean {
    const before = this.#fullAt.get(address) ?? 0;
    const intervalMs = 1_000 / perSecond;
    const fullAt = Math.max(before, nowMs) + intervalMs;
    // Rounding must not take the last of a second's worth away.
    if (fullAt - nowMs > 1_000 + intervalMs / 2) return false;
    if (address !== this.#last) {
      this.#fullAt.delete(address);
      if (this.#fullAt.size >= this.#entriesMax) {
        const [oldest] = this.#fullAt.keys();
        this.#fullAt.delete(oldest as string);
      }
      this.#last = address;
    }
    this.#fullAt.set(address, fullAt);
    return true;
  }
}

const words = new Uint32Array(4);

/**
 * What limits by address count under: an IPv4 address, or the /64 of an IPv6 one, which is what a single
 * customer gets; one who could walk through its 2^64 addresses would have no limit.
 */
export function limitKey(address: string): string {
  const zone = address.indexOf('%');
  return readIp(address, zone === -1 ? address.length : zone, words) === 6
    ? `${(words[0] as number).toString(16)}:${(words[1] as number).toString(16)}`
    : address;
}
