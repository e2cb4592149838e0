/**
 * Where the buckets of rates are, by scope: those the worker's modules have, so nothing is limited twice over
 * by two limiters, and one table of its own for what each worker counts for itself.
 */
import { randomInt } from 'node:crypto';
import { wallMs } from '#core/clock.ts';
import type { HostServices, Limiter, SharedValues } from '#wasm/host-services.ts';
import { FleetLimiter } from '#wasm/services/fleet-limiter.ts';
import { SharedStore } from '#wasm/services/shared-store.ts';
import { TokenBuckets } from '#wasm/services/token-buckets.ts';

export type RateStores = Pick<HostServices, 'limiter' | 'fleetLimiter'> & {
  /** Where penalties are kept. */
  values(scope: 'worker' | 'node', rate: string): SharedValues;
};

/** Of scope `worker`; keyed at random, as clients choose what is hashed. */
export const ownBuckets = (onForgotten: () => void): TokenBuckets =>
  new TokenBuckets([randomInt(2 ** 32), randomInt(2 ** 32)], { onForgotten });

/** Of a data plane without neighbours: node and fleet are itself. */
export function loneStores(): RateStores {
  const store = new SharedStore({ writer: 0, wallMs, onEvicted: () => {}, outlet: null });
  const limiter: Limiter = ownBuckets(() => {});
  return {
    limiter,
    fleetLimiter: new FleetLimiter(store),
    values: (_scope, rate) => store.of(rate),
  };
}
