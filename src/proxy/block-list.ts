/**
 * The block list as a worker enforces it: looked up for every accepted connection before a byte is read
 * or a handshake begun, and again for clients behind a trusted proxy.
 *
 * The allow list wins, then any entry that drops, then any that only watches: as in the kernel
 * (`#synproxy/kernel-lists.ts`). Entries that challenge are for requests, and no kernel has them.
 */
import { CidrMap } from '#core/cidr-map.ts';
import { wallMs } from '#core/clock.ts';
import { parseCidr } from '#core/ip.ts';
import { BlockHits } from './block-hits.ts';

/** Bound on entries: what the node was told, what the fleet decided, and what lists say. */
export const blockEntriesMax = 3_100_000;

/** `challenge` lets in who is on it, and asks of each request that it shows a pass. */
export type BlockAction = 'drop' | 'challenge' | 'monitor';

export type BlockItem = {
  readonly target: string;
  readonly expiresAtMs: number | null;
  /** None is drop: that is all a process from before knew, which hands its list over. */
  readonly action?: BlockAction;
};

export class BlockList {
  readonly #dropped = new CidrMap<number>(blockEntriesMax);
  readonly #monitored = new CidrMap<number>(blockEntriesMax);
  readonly #challenged = new CidrMap<number>(blockEntriesMax);
  readonly hits = new BlockHits();
  /** Whom no entry holds for. */
  allowed: CidrMap<true>;
  version = 0;

  constructor(allowed = new CidrMap<true>(1)) {
    this.allowed = allowed;
  }

  get size(): number {
    return this.#dropped.size + this.#monitored.size + this.#challenged.size;
  }

  /** Targets are canonical CIDR texts; one that is not is our own mistake upstream of here. */
  apply(version: number, add: readonly BlockItem[], remove: readonly string[]): void {
    for (const target of remove) {
      const cidr = parseCidr(target);
      if (cidr === null) continue;
      for (const map of this.#maps) map.delete(cidr);
    }
    for (const { target, expiresAtMs, action } of add) {
      const cidr = parseCidr(target);
      const map = this.#mapOf(action);
      if (cidr === null || !map.set(cidr, expiresAtMs ?? Number.POSITIVE_INFINITY)) {
        throw new Error(`block list cannot take ${target}`);
      }
      for (const other of this.#maps) if (other !== map) other.delete(cidr);
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

  /** Whether requests of this one need a pass; he is counted. */
  challenges(address: string): boolean {
    if (this.#challenged.size === 0 || !holds(this.#challenged, address)) return false;
    if (this.allowed.lookup(address) !== undefined) return false;
    const target = this.#challenged.rangeOf(address);
    if (target !== null) this.hits.note(target, 'challenge', address);
    return true;
  }

  get #maps(): readonly CidrMap<number>[] {
    return [this.#dropped, this.#monitored, this.#challenged];
  }

  #mapOf(action: BlockItem['action']): CidrMap<number> {
    if (action === 'monitor') return this.#monitored;
    return action === 'challenge' ? this.#challenged : this.#dropped;
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
