/**
 * How much of the block list the kernel has room for, by kind of entry, and what becomes of the rest.
 *
 * What there is no room for is refused before anything has taken it, with the size and the key that changes it.
 * A list that is longer already (a smaller size, another machine's state) is not cut: what does not fit holds at
 * accept alone, and status says how much that is. What is challenged alone never comes to the kernel and takes none of it.
 */
import type { Config } from '#config/schema.ts';
import { WeirError } from '#core/errors.ts';
import type { ShieldSizes } from '#synproxy/shield-object.ts';
import type { BlockItem } from './ipc.ts';

export const listKinds = ['ipv4Addresses', 'ipv6Addresses', 'ipv4Ranges', 'ipv6Ranges'] as const;
export type ListKind = (typeof listKinds)[number];
export type ListSizes = Readonly<Record<ListKind, number>>;

/** As the schema has them. */
export const listSizesDefault: ListSizes = {
  ipv4Addresses: 1_000_000,
  ipv6Addresses: 1_000_000,
  ipv4Ranges: 65_536,
  ipv6Ranges: 65_536,
};

const words: Readonly<Record<ListKind, string>> = {
  ipv4Addresses: 'single IPv4 addresses',
  ipv6Addresses: 'single IPv6 addresses',
  ipv4Ranges: 'IPv4 ranges',
  ipv6Ranges: 'IPv6 ranges',
};

/** Of a canonical target: a single address has no prefix length. */
export function kindOf(target: string): ListKind {
  const isRange = target.includes('/');
  if (target.includes(':')) return isRange ? 'ipv6Ranges' : 'ipv6Addresses';
  return isRange ? 'ipv4Ranges' : 'ipv4Addresses';
}

export function shieldSizes({ kernel }: Config): ShieldSizes {
  const { ipv4Addresses, ipv6Addresses, ipv4Ranges, ipv6Ranges } = kernel.lists;
  return { exact4: ipv4Addresses, exact6: ipv6Addresses, prefix4: ipv4Ranges, prefix6: ipv6Ranges };
}

type Placed = Pick<BlockItem, 'target' | 'action'>;

export class ListRoom {
  readonly #sizes: ListSizes | null;
  readonly #counts: Record<ListKind, number>;
  /** On the list and not in the kernel, the oldest first. */
  readonly #outside = new Set<string>();
  /** On the list and not for the kernel: challenged, by workers. */
  readonly #aside = new Set<string>();

  /** `sizes` is null where nothing of the list is in the kernel. */
  constructor(sizes: ListSizes | null, counts: Readonly<Record<ListKind, number>>) {
    this.#sizes = sizes;
    this.#counts = { ...counts };
  }

  /** On a list that was there before: what `fitting` leaves out. */
  leaveOut(items: readonly Placed[]): void {
    for (const { target, action } of items) if (action === 'challenge') this.setAside(target);
    const sizes = this.#sizes;
    if (sizes === null || listKinds.every((kind) => this.#counts[kind] <= sizes[kind])) return;
    const left = { ...sizes };
    for (const { target } of items)
      if (!this.#aside.has(target) && left[kindOf(target)]-- <= 0) this.#outside.add(target);
  }

  /** What there is no room for in the kernel, in words; null where there is. */
  get problem(): string | null {
    return this.#outside.size === 0 || this.#sizes === null
      ? null
      : problemOf(this.#counts, this.#sizes, this.#outside.size);
  }

  isOutside(target: string): boolean {
    return this.#outside.has(target);
  }

  isAside(target: string): boolean {
    return this.#aside.has(target);
  }

  /** It is challenged alone by now: the room it had is there for others. */
  setAside(target: string): void {
    if (this.#aside.has(target)) return;
    this.#aside.add(target);
    this.#outside.delete(target);
    this.#counts[kindOf(target)]--;
  }

  /** As it is enforced now, of a target that is on the list. */
  follow({ target, action }: Placed): void {
    if (action === 'challenge') this.setAside(target);
    else if (this.#aside.has(target)) this.takeAll([target]);
  }

  /**
   * For these too, which the fleet decided and nobody here can refuse: those there is no room for hold at accept
   * alone until there is.
   */
  takeAll(targets: Iterable<string>): void {
    for (const target of targets) {
      const kind = kindOf(target);
      this.#aside.delete(target);
      this.#counts[kind]++;
      if (this.#counts[kind] > (this.#sizes?.[kind] ?? Number.POSITIVE_INFINITY))
        this.#outside.add(target);
    }
  }

  /** Of those outside, the ones there is room for by now: they are in from now on. */
  readmit(): string[] {
    if (this.#outside.size === 0 || this.#sizes === null) return [];
    const outside = countKinds(this.#outside);
    const room = { ...this.#sizes };
    for (const kind of listKinds) room[kind] -= this.#counts[kind] - outside[kind];
    const readmitted: string[] = [];
    for (const target of this.#outside) if (room[kindOf(target)]-- > 0) readmitted.push(target);
    for (const target of readmitted) this.#outside.delete(target);
    return readmitted;
  }

  get counts(): Readonly<Record<ListKind, number>> {
    return this.#counts;
  }

  /** Room for these, which are not on the list or have none: it is theirs from now on. Throws BLOCK_LIST_FULL. */
  take(targets: readonly string[]): void {
    const wanted = countKinds(targets);
    for (const kind of listKinds) {
      const size = this.#sizes?.[kind] ?? Number.POSITIVE_INFINITY;
      if (wanted[kind] > 0 && this.#counts[kind] + wanted[kind] > size)
        throw new WeirError(
          'BLOCK_LIST_FULL',
          `the kernel has room for ${size} ${words[kind]}: there are ${this.#counts[kind]}, and ${wanted[kind]} more do not fit; raise kernel.lists.${kind} and start the node anew, remove some, or block wider ranges`,
        );
    }
    for (const kind of listKinds) this.#counts[kind] += wanted[kind];
    if (this.#aside.size > 0) for (const target of targets) this.#aside.delete(target);
  }

  recount(counts: Readonly<Record<ListKind, number>>, items: readonly Placed[]): void {
    Object.assign(this.#counts, counts);
    this.#aside.clear();
    for (const { target, action } of items) if (action === 'challenge') this.setAside(target);
  }

  give(targets: Iterable<string>): void {
    for (const target of targets) {
      this.#outside.delete(target);
      if (!this.#aside.delete(target)) this.#counts[kindOf(target)]--;
    }
  }
}

/** Those there is room for, the oldest first, and why not for the others. */
export function fitting<T extends { readonly target: string }>(
  items: readonly T[],
  sizes: ListSizes,
): { readonly items: readonly T[]; readonly problem: string | null } {
  const counts = countKinds(items.map(({ target }) => target));
  if (listKinds.every((kind) => counts[kind] <= sizes[kind])) return { items, problem: null };
  const left = { ...sizes };
  const kept = items.filter(({ target }) => left[kindOf(target)]-- > 0);
  return { items: kept, problem: problemOf(counts, sizes, items.length - kept.length) };
}

function problemOf(
  counts: Readonly<Record<ListKind, number>>,
  sizes: ListSizes,
  outside: number,
): string {
  const what = listKinds
    .filter((kind) => counts[kind] > sizes[kind])
    .map((kind) => `${counts[kind]} ${words[kind]} (kernel.lists.${kind} is ${sizes[kind]})`);
  return `the block list has ${what.join(' and ')}; the ${outside} that do not fit hold at accept only: raise the size and start the node anew`;
}

function countKinds(targets: Iterable<string>): Record<ListKind, number> {
  const counts = { ipv4Addresses: 0, ipv6Addresses: 0, ipv4Ranges: 0, ipv6Ranges: 0 };
  for (const target of targets) counts[kindOf(target)]++;
  return counts;
}
