/**
 * Which entries of a list may block anybody. Lists are other people's, some of them name every address that no client
 * of the public Internet should have (FireHOL's first level does), and a slip or a stranger in one must not cut a node
 * off from its own network: ranges that are not public, what the node lives by, and parts of the Internet so wide that
 * they are no list entry are left out, counted and shown.
 */
import { CidrMap } from '#core/cidr-map.ts';
import { type Cidr, cidrContains } from '#core/ip.ts';
import { notPublicRanges } from '#core/public-address.ts';

export type LeftOut = 'private' | 'protected' | 'wide';

/** The widest range that is taken from a list: what one registry hands on, and 1/65,536 of IPv6. */
export const widestListed = { 4: 8, 6: 16 } as const;

export class ListGuard {
  readonly #protected: RangeSet;
  readonly #private: RangeSet | null;

  constructor(protectedRanges: readonly Cidr[], allowPrivate: boolean) {
    this.#protected = new RangeSet(protectedRanges);
    this.#private = allowPrivate ? null : new RangeSet(notPublicRanges);
  }

  /** Null for an entry that may be taken. */
  whyNot(cidr: Cidr): LeftOut | null {
    if (cidr.prefix < widestListed[cidr.family]) return 'wide';
    if (this.#private?.overlaps(cidr) === true) return 'private';
    return this.#protected.overlaps(cidr) ? 'protected' : null;
  }
}

class RangeSet {
  readonly #ranges: readonly Cidr[];
  readonly #map: CidrMap<true>;

  constructor(ranges: readonly Cidr[]) {
    this.#ranges = ranges;
    this.#map = new CidrMap<true>(Math.max(1, ranges.length));
    for (const range of ranges) this.#map.set(range, true);
  }

  overlaps(cidr: Cidr): boolean {
    const slash = cidr.text.indexOf('/');
    const first = slash === -1 ? cidr.text : cidr.text.slice(0, slash);
    if (this.#map.lookup(first) !== undefined) return true;
    // What does not hold the first address of a range can still lie in it. An address alone has no such inside.
    return slash !== -1 && this.#ranges.some((range) => cidrContains(cidr, range));
  }
}
