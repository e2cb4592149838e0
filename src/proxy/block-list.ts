/**
 * The block list as a worker enforces it: looked up for every accepted connection before a byte is read
 * or a handshake begun, and again for clients behind a trusted proxy.
 *
 * The allow list wins, then any entry that drops, then any that only watches: as in the kernel
 * (`#synproxy/kernel-lists.ts`).
 */
import { CidrMap } from '#core/cidr-map.ts';
import { wallMs } from '#core/clock.ts';
import { parseCidr } from '#core/ip.ts';
import { BlockHits } from './block-hits.ts';

/** Bound on entries: what the node was told, and what the fleet decided. */
export const blockEntriesMax = 2_100_000;

export type BlockAction = 'drop' | 'monitor';

export type BlockItem = {
  readonly target: string;
  readonly expiresAtMs: number | null;
  /** None is drop: that is all a process from before knew, which hands its list over. */
  readonly action?: BlockAction;
};

export class BlockList {
  readonly #dropped = new CidrMap<number>(blockEntriesMax);
  readonly #monitored = new CidrMap<number>(blockEntriesMax);
  readonly hits = new BlockHits();
  /** Whom no entry holds for. */
  allowed: CidrMap<true>;
  version = 0;

  constructor(allowed = new CidrMap<true>(1)) {
    this.allowed = allowed;
  }

  get size(): number {
    return this.#dropped.size + this.#monitored.size;
  }

  /** Targets are canonical CIDR texts; one that is not is our own mistake upstream of here. */
  apply(version: number, add: readonly BlockItem[], remove: readonly string[]): void {
    for (const target of remove) {
      const cidr = parseCidr(target);
      if (cidr === null) continue;
      this.#dropped.delete(cidr);
      this.#monitored.delete(cidr);
    }
    for (const { target, expiresAtMs, action } of add) {
      const cidr = parseCidr(target);
      const [map, other] =
        action === 'monitor' ? [this.#monitored, this.#dropped] : [this.#dropped, this.#monitored];
      if (cidr === null || !map.set(cidr, expiresAtMs ?? Number.POSITIVE_INFINITY)) {
        throw new Error(`block list cannot take ${target}`);
      }
      other.delete(cidr);
    }
    this.version = version;
  }

  /** Whether one who comes now is refused; he is counted, as one who is only watched is. */
  refuses(address: string): boolean {
    if (this.#dropped.size === 0 && this.#monitored.size === 0) return false;
    const isDropped = holds(this.#dropped, address);
    if (!isDropped && !holds(this.#monitored, address)) return false;
    if (this.allowed.lookup(address) !== undefined) return false;
    const map = isDropped ? this.#dropped : this.#monitored;
    const target = map.rangeOf(address);
    if (target !== null) this.hits.note(target, isDropped ? 'drop' : 'monitor', address);
    return isDropped;
  }

  /** Of one who is here already. */
  isBlocked(address: string): boolean {
    return holds(this.#dropped, address) && this.allowed.lookup(address) === undefined;
  }
}

/**
 * The most specific entry of a map decides. One that has expired no longer holds; it is gone from the list, and
 * no longer hides a wider range, once the supervisor has swept it (each second).
 */
function holds(map: CidrMap<number>, address: string): boolean {
  const expiresAtMs = map.lookup(address);
  return expiresAtMs !== undefined && expiresAtMs > wallMs();
}
