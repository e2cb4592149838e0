/**
 * Who has shown of late that an address is its own: connections that came about, and those on which the
 * client said anything.
 *
 * A SYN carries whatever source its sender writes; an accepted connection does not, since its handshake
 * needed an answer from there. Whether packets are evidence against an address is decided by both numbers
 * (`src/roles/detector-blocks.ts`). They cover the last half minute to minute: there are two halves, and the
 * older one goes whole.
 */
import { limitKey } from './address-rate.ts';

export const halfMs = 30_000;
/** Some 10 MB where all are in use; an earlier end of a half only makes us know less of anybody. */
export const addressesMax = 65_536;

/** A client that has not said anything for so long is silent. */
export const freshMs = 3_000;

export type OpenCounts = { speaking: number; fresh: number };
export type Handshakes = {
  readonly opened: number;
  /** Closed at once for want of room, whatever the client would have said. */
  readonly refused: number;
  readonly spoke: number;
};
type Counts = { opened: number; refused: number; spoke: number };

export class HandshakeLog {
  #newer = new Map<string, Counts>();
  #older = new Map<string, Counts>();
  #newerSince = Number.NEGATIVE_INFINITY;

  opened(peer: string, nowMs: number): void {
    this.#of(limitKey(peer), nowMs).opened++;
  }

  refused(peer: string, nowMs: number): void {
    this.#of(limitKey(peer), nowMs).refused++;
  }

  /** At the end of a connection on which there came something. */
  spoke(peer: string, nowMs: number): void {
    this.#of(limitKey(peer), nowMs).spoke++;
  }

  /** `key` is the limit key of an address: an IPv6 one is known by its /64. */
  of(key: string, nowMs: number): Handshakes {
    this.#turn(nowMs);
    const newer = this.#newer.get(key);
    const older = this.#older.get(key);
    return {
      opened: (newer?.opened ?? 0) + (older?.opened ?? 0),
      refused: (newer?.refused ?? 0) + (older?.refused ?? 0),
      spoke: (newer?.spoke ?? 0) + (older?.spoke ?? 0),
    };
  }

  #of(key: string, nowMs: number): Counts {
    this.#turn(nowMs);
    let counts = this.#newer.get(key);
    if (counts === undefined) {
      counts = { opened: 0, refused: 0, spoke: 0 };
      this.#newer.set(key, counts);
    }
    return counts;
  }

  #turn(nowMs: number): void {
    if (nowMs - this.#newerSince < halfMs && this.#newer.size < addressesMax / 2) return;
    this.#older = nowMs - this.#newerSince < 2 * halfMs ? this.#newer : new Map();
    this.#newer = new Map();
    this.#newerSince = nowMs;
  }
}

/** Of several workers, each in the order of the same question. */
export function sumHandshakes(
  count: number,
  all: readonly (readonly Handshakes[])[],
): Handshakes[] {
  return Array.from({ length: count }, (_, index) => ({
    opened: all.reduce((sum, one) => sum + (one[index]?.opened ?? 0), 0),
    refused: all.reduce((sum, one) => sum + (one[index]?.refused ?? 0), 0),
    spoke: all.reduce((sum, one) => sum + (one[index]?.spoke ?? 0), 0),
  }));
}
