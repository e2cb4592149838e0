/**
 * What a node enforces: the union of its own block list, of what its fleet decided, and of lists it follows.
 *
 * ```
 * weir block add          ─► state.db ──────┐
 * weir block add --fleet  ─► decisions.db ──┼─► of each target the strongest ─► kernel, workers
 * feeds, crowdsec         ─► lists/ ────────┘
 * ```
 *
 * None takes away what another says: a target leaves when all have let go of it. Of two that hold, dropping
 * is stronger than a challenge, that is stronger than watching, and the later end is stronger than the earlier; the allow list is stronger than
 * all, where they are enforced (`#proxy/block-list.ts`).
 */
import type { Change, FleetBlock } from '#decisions/enforced-decisions.ts';
import type { ListChange, ListedBlocks } from '#feeds/listed-blocks.ts';
import type { BlockStore } from '#state/block-store.ts';
import { itemOf } from './block-entries.ts';
import type { BlockItem } from './ipc.ts';
import { kindOf, type ListKind } from './list-room.ts';

/** What the fleet decided, as a node enforces it. */
export interface FleetBlocks {
  readonly count: number;
  find(target: string): FleetBlock | null;
  all(): Iterable<FleetBlock>;
  /** In the order they came into force here. */
  page(
    after: number,
    limit: number,
  ): { readonly blocks: FleetBlock[]; readonly next: number | null };
  /** What has ended. */
  expire(nowMs: number): Change;
}

export class BlockSources {
  readonly store: BlockStore;
  readonly fleet: FleetBlocks | null;
  readonly lists: ListedBlocks | null;
  /** Targets of the fleet and of lists, as they were enforced last. */
  readonly #held = new Set<string>();
  /** How many of them the store names too. */
  #both = 0;

  constructor(store: BlockStore, fleet: FleetBlocks | null, lists: ListedBlocks | null) {
    this.store = store;
    this.fleet = fleet;
    this.lists = lists;
    for (const { target } of fleet?.all() ?? []) this.#held.add(target);
    for (const { target } of lists?.all() ?? []) this.#held.add(target);
    if (this.#held.size === 0) return;
    for (const { target } of store.list()) if (this.#held.has(target)) this.#both++;
  }

  /** Targets, each once. */
  get count(): number {
    return this.store.count + this.#held.size - this.#both;
  }

  has(target: string): boolean {
    return this.#held.has(target) || this.store.find(target) !== null;
  }

  /** What is enforced of a target; null for nothing. */
  itemOf(target: string, nowMs: number): BlockItem | null {
    const fleet = this.fleet?.find(target) ?? null;
    const listed = this.lists?.find(target) ?? null;
    const outside =
      fleet === null || listed === null ? (fleet ?? listed) : stronger(fleet, listed, nowMs);
    return stronger(this.store.find(target), outside, nowMs);
  }

  /** All of it, the node's own first. */
  items(nowMs: number): BlockItem[] {
    const rows = this.store.list();
    if (this.#held.size === 0) return rows.map(itemOf);
    const own = new Set<string>();
    const items: BlockItem[] = [];
    for (const row of rows) {
      if (this.#held.has(row.target)) own.add(row.target);
      const item = own.has(row.target) ? this.itemOf(row.target, nowMs) : itemOf(row);
      items.push(item ?? itemOf(row));
    }
    for (const target of this.#held) {
      const item = own.has(target) ? null : this.itemOf(target, nowMs);
      if (item !== null) items.push(item);
    }
    return items;
  }

  /** By kind of target. */
  counts(): Record<ListKind, number> {
    const counts = { ipv4Addresses: 0, ipv6Addresses: 0, ipv4Ranges: 0, ipv6Ranges: 0 };
    for (const { isV6, isRange, count } of this.store.kinds())
      counts[`ipv${isV6 ? 6 : 4}${isRange ? 'Ranges' : 'Addresses'}`] = count;
    if (this.#held.size === 0) return counts;
    for (const target of this.#held)
      if (this.#both === 0 || this.store.find(target) === null) counts[kindOf(target)]++;
    return counts;
  }

  /** These are new in the store. */
  noteAdded(targets: Iterable<string>): void {
    for (const target of targets) if (this.#held.has(target)) this.#both++;
  }

  /** These left the store; those that nothing holds any more. */
  noteRemoved(targets: readonly string[]): string[] {
    const gone = targets.filter((target) => !this.#held.has(target));
    this.#both -= targets.length - gone.length;
    return gone;
  }

  /** The fleet has changed; the targets nothing held before, and those that nothing holds any more. */
  noteFleet({ add, remove }: Change): { readonly fresh: string[]; readonly gone: string[] } {
    const added = add.map(({ target }) => target);
    return this.noteLists({ added, removed: remove });
  }

  /** As for the fleet. */
  noteLists({ added, removed }: ListChange): { readonly fresh: string[]; readonly gone: string[] } {
    const fresh: string[] = [];
    const gone: string[] = [];
    for (const target of added) {
      if (this.#held.has(target)) continue;
      this.#held.add(target);
      if (this.store.find(target) === null) fresh.push(target);
      else this.#both++;
    }
    for (const target of removed) {
      if ((this.fleet?.find(target) ?? this.lists?.find(target) ?? null) !== null) continue;
      if (!this.#held.delete(target)) continue;
      if (this.store.find(target) === null) gone.push(target);
      else this.#both--;
    }
    return { fresh, gone };
  }
}

const rankOf = (action: BlockItem['action']): number =>
  action === 'monitor' ? 0 : action === 'challenge' ? 1 : 2;

/** Exported for its test. */
export function stronger(
  own: BlockItem | null,
  other: BlockItem | null,
  nowMs: number,
): BlockItem | null {
  const holds = (item: BlockItem | null): item is BlockItem =>
    item !== null && (item.expiresAtMs ?? Number.POSITIVE_INFINITY) > nowMs;
  if (!holds(own)) return holds(other) ? itemOf(other) : null;
  if (!holds(other)) return itemOf(own);
  if (own.action !== other.action)
    return itemOf(rankOf(other.action) > rankOf(own.action) ? other : own);
  const isOwnLater =
    (own.expiresAtMs ?? Number.POSITIVE_INFINITY) >=
    (other.expiresAtMs ?? Number.POSITIVE_INFINITY);
  return itemOf(isOwnLater ? own : other);
}
