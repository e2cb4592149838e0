/**
 * The block list as a worker enforces it: looked up for every accepted connection before a byte is read
 * or a handshake begun, and again for clients behind a trusted proxy.
 */
import { CidrMap } from '#core/cidr-map.ts';
import { wallMs } from '#core/clock.ts';
import { parseCidr } from '#core/ip.ts';

/** Bound on entries; the store behind it has the same. */
export const blockEntriesMax = 1_000_000;

export type BlockItem = { readonly target: string; readonly expiresAtMs: number | null };

export class BlockList {
  readonly #map = new CidrMap<number>(blockEntriesMax);
  /** Whom no entry holds for. */
  allowed: CidrMap<true>;
  version = 0;

  constructor(allowed = new CidrMap<true>(1)) {
    this.allowed = allowed;
  }

  get size(): number {
    return this.#map.size;
  }

  /** Targets are canonical CIDR texts; one that is not is our own mistake upstream of here. */
  apply(version: number, add: readonly BlockItem[], remove: readonly string[]): void {
    for (const target of remove) {
      const cidr = parseCidr(target);
      if (cidr !== null) this.#map.delete(cidr);
    }
    for (const { target, expiresAtMs } of add) {
      const cidr = parseCidr(target);
      if (cidr === null || !this.#map.set(cidr, expiresAtMs ?? Number.POSITIVE_INFINITY)) {
        throw new Error(`block list cannot take ${target}`);
      }
    }
    this.version = version;
  }

  /**
   * The most specific entry decides. One that has expired no longer blocks; it is gone from the list, and
   * no longer hides a wider range, once the supervisor has swept it (each second).
   */
  isBlocked(address: string): boolean {
    if (this.#map.size === 0) return false;
    const expiresAtMs = this.#map.lookup(address);
    if (expiresAtMs === undefined || expiresAtMs <= wallMs()) return false;
    return this.allowed.lookup(address) === undefined;
  }
}
