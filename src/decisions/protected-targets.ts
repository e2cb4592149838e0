/**
 * Ranges no fleet decision may keep out on this member: whatever others sign, it goes on reaching what it lives by.
 * Such a decision is kept, so that all members know the same, and not enforced here.
 */
import { type Cidr, cidrContains, parseCidr } from '#core/ip.ts';

export class ProtectedTargets {
  #ranges: readonly Cidr[] = [];

  constructor(texts: readonly string[] = []) {
    this.set(texts);
  }

  /** Texts that are no range are not looked at: they were checked where they come from. */
  set(texts: readonly string[]): void {
    this.#ranges = texts.flatMap((text) => parseCidr(text) ?? []);
  }

  /** Whether the target holds a protected address, or lies in a protected range. */
  has(target: string): boolean {
    if (this.#ranges.length === 0) return false;
    const cidr = parseCidr(target);
    return (
      cidr === null ||
      this.#ranges.some((range) => cidrContains(range, cidr) || cidrContains(cidr, range))
    );
  }
}
