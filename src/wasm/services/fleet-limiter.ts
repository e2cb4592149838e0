/**
 * Limits over the fleet, for verdicts of kind `limit` with scope 3: at most `capacity` in any `periodSeconds`, by
 * the counts of a sliding window, as a count can be shared by nodes that hear each other late, twice or in
 * another order, and a bucket cannot.
 *
 * Only what is let through is counted. Nodes know of each other what `#fleet/counter-sync.ts` says, so all
 * together let through at most `capacity` and what the others let through in that time.
 */
import { wallMs } from '#core/clock.ts';
import type { Limiter } from '../host-services.ts';
import type { SharedStore } from './shared-store.ts';

export class FleetLimiter implements Limiter {
  readonly #store: SharedStore;
  readonly #nowMs: () => number;

  constructor(store: SharedStore, nowMs: () => number = wallMs) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  take(module: string, key: string, cost: number, capacity: number, periodSeconds: number): number {
    const values = this.#store.of(module);
    const windowMs = periodSeconds * 1_000;
    // A limit of another size is another limit, and none is a count of the module's own.
    const name = `\0${capacity}\0${key}`;
    const waitMs = values.counts.waitMs(name, cost, capacity, windowMs, this.#nowMs());
    if (waitMs > 0) return Math.max(1, Math.ceil(waitMs / 1_000));
    values.count(name, cost, windowMs);
    return 0;
  }
}
