/**
 * What no fleet decision may keep out on this member: ranges it lives by, whatever others sign, and a part of the
 * Internet so wide that it is a slip of the hand, or of a hand that is not ours. Such a decision is kept, so that all members know the same, and not enforced here.
 */
import { CidrMap } from '#core/cidr-map.ts';
import { type Cidr, cidrContains, parseCidr } from '#core/ip.ts';

/** The widest range that is enforced: what one registry hands on, and 1/65,536 of IPv6. */
export const widestPrefix = { 4: 8, 6: 16 } as const;

export class ProtectedTargets {
  #ranges: readonly Cidr[] = [];
  /** The same, for an address alone. */
  #addresses = new CidrMap<true>(1);

  constructor(texts: readonly string[] = []) {
    this.set(texts);
  }

  /** Texts that are no range are not looked at: they were checked where they come from. */
  set(texts: readonly string[]): void {
    this.#ranges = texts.flatMap((text) => parseCidr(text) ?? []);
    this.#addresses = new CidrMap(Math.max(1, this.#ranges.length), this.#ranges.length);
    for (const range of this.#ranges) this.#addresses.set(range, true);
  }

  /** Whether the target is too wide, holds a protected address, or lies in a protected range. */
  has(target: string): boolean {
    // An address alone is never too wide, and most targets are one.
    if (!target.includes('/')) return this.#addresses.lookup(target) !== undefined;
    const cidr = parseCidr(target);
    return (
      cidr === null ||
      cidr.prefix < widestPrefix[cidr.family] ||
      this.#ranges.some((range) => cidrContains(range, cidr) || cidrContains(cidr, range))
    );
  }
}
