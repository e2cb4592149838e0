/**
 * The stage between route and rules: takes a token of every rate that holds for a request, in their order,
 * until one has none left.
 *
 * ```
 * request ─► unlimited? ─► rate: route, method, path ─► key ─► penalty? ─► token ─► next rate … ─► rules
 *                │ go on        │ not it: next                   │ 429       │ none: 429 (and a penalty),
 *                                                                              challenge, or a note
 * ```
 *
 * What it costs is a lookup for each rate that holds: buckets are numbers in a table, keys are read where the
 * head lies. Penalties are values that expire, told to the other workers; where there are none they cost a
 * look into an empty map. Whoever is in `edge.allow`, a trusted proxy or an unlimited address is not counted.
 */
import type { Rate } from '#config/rate-schema.ts';
import { wallMs } from '#core/clock.ts';
import type { Stop } from '#waf/verdict.ts';
import type { Limiter } from '#wasm/host-services.ts';
import type { TokenBuckets } from '#wasm/services/token-buckets.ts';
import { isUnder } from '../router.ts';
import type { Snapshot } from '../snapshot.ts';
import type { CompiledRate } from './compile-rates.ts';
import { type RateRequest, rateKey, sharedKey } from './rate-key.ts';
import type { RateMetrics } from './rate-metrics.ts';
import { resolvedPath } from './rate-path.ts';
import { ownBuckets, type RateStores } from './rate-stores.ts';

/** A rate that a request went beyond. Monitor: it was worked out and changed nothing. */
export type OverRate = Stop & { readonly mode: 'block' | 'monitor' };

export interface RateOwner {
  /** The client shows a pass: a challenge lets its request go on. */
  readonly isAdmitted: boolean;
  overRate(over: OverRate): void;
}

export class RateGate {
  readonly #stores: RateStores;
  readonly #own: TokenBuckets;
  readonly #metrics: RateMetrics;
  readonly #limiters: Readonly<Record<Rate['scope'], Limiter>>;
  readonly #nowMs: () => number;
  /** Routes that get many times what is usual, and until when their requests are challenged. */
  #surges: ReadonlyMap<string, number> = new Map();

  constructor(stores: RateStores, metrics: RateMetrics, nowMs: () => number = wallMs) {
    this.#stores = stores;
    this.#metrics = metrics;
    this.#nowMs = nowMs;
    this.#own = ownBuckets(() => {
      metrics.forgotten.value++;
    });
    this.#limiters = { worker: this.#own, node: stores.limiter, fleet: stores.fleetLimiter };
  }

  set surges(untilMs: ReadonlyMap<string, number>) {
    this.#surges = untilMs;
  }

  /** Null: within every rate, or none stops it. */
  check(
    { rates, allowed, unlimited }: Pick<Snapshot, 'rates' | 'allowed' | 'unlimited'>,
    request: RateRequest,
    owner: RateOwner,
  ): Stop | null {
    if (rates.length === 0 && this.#surges.size === 0) return null;
    const { address } = request;
    if (unlimited.lookup(address) !== undefined || allowed.lookup(address) !== undefined)
      return null;
    for (const rate of rates) {
      if (!holdsFor(rate, request)) continue;
      const key = rateKey(rate.key, request);
      if (key === null) continue;
      const seconds = this.#secondsLeft(rate, key);
      if (seconds === 0) continue;
      const stop = this.#stop(rate, seconds, owner);
      if (stop !== null) return stop;
    }
    return this.#surges.size === 0 ? null : this.#surge(request, owner);
  }

  /** For the gauge. */
  measure(): void {
    this.#metrics.buckets.value = this.#own.inUse;
  }

  /** 0: a token was taken. Else after how many seconds there is one. */
  #secondsLeft(rate: CompiledRate, key: string): number {
    const { name, capacity, periodSeconds, penaltySeconds, scope } = rate;
    const penalties =
      penaltySeconds === 0 ? null : this.#stores.values(scope === 'worker' ? scope : 'node', name);
    const isTold = penalties !== null || scope === 'fleet';
    const shared = isTold ? sharedKey(rate.key, key) : key;
    const until = penalties?.get(shared);
    if (until !== undefined) return secondsTo(until, this.#nowMs());
    const seconds = this.#limiters[scope].take(name, shared, 1, capacity, periodSeconds);
    if (seconds === 0 || penalties === null) return seconds;
    const end = Buffer.alloc(8);
    end.writeDoubleLE(this.#nowMs() + penaltySeconds * 1_000);
    penalties.set(shared, end, penaltySeconds * 1_000);
    this.#metrics.penalty(name);
    return Math.max(seconds, penaltySeconds);
  }

  #stop(rate: CompiledRate, retryAfterSeconds: number, owner: RateOwner): Stop | null {
    const { name, mode, capacity, periodSeconds } = rate;
    const reason = `more than ${capacity} requests at once or in ${Math.ceil(periodSeconds)} s`;
    const finding = { rule: name, reason, target: 'rate', matched: '' };
    if (mode === 'challenge') return this.#challenge({ kind: 'challenge', ...finding }, owner);
    const stop: Stop = { kind: 'limited', ...finding, retryAfterSeconds };
    if (mode === 'monitor') {
      this.#metrics.exceeded(name, 'monitored');
      owner.overRate({ ...stop, mode });
      return null;
    }
    this.#metrics.exceeded(name, 'limited');
    owner.overRate({ ...stop, mode });
    return stop;
  }

  #surge({ route }: RateRequest, owner: RateOwner): Stop | null {
    // Routes that only watch, or look at nothing, are left alone.
    if (route === undefined || route.mode === 'monitor' || route.mode === 'off') return null;
    const untilMs = this.#surges.get(route.name);
    if (untilMs === undefined || untilMs <= this.#nowMs()) return null;
    const reason = `${route.name} gets many times the requests it usually has`;
    const finding = { rule: surgeRule, reason, target: 'route', matched: '' };
    return this.#challenge({ kind: 'challenge', ...finding }, owner);
  }

  #challenge(stop: Stop, owner: RateOwner): Stop | null {
    if (owner.isAdmitted) {
      this.#metrics.exceeded(stop.rule, 'admitted');
      return null;
    }
    this.#metrics.exceeded(stop.rule, 'challenged');
    owner.overRate({ ...stop, mode: 'block' });
    return stop;
  }
}

const surgeRule = 'behaviour/baseline';

function holdsFor(rate: CompiledRate, request: RateRequest): boolean {
  const { route, methods, path } = rate;
  if (route !== null && route !== request.route?.name) return false;
  if (methods !== null && !methods.has(request.method)) return false;
  if (path === null) return true;
  request.path ??= resolvedPath(request.view);
  return isUnder(request.path, path);
}

const secondsTo = (until: Buffer, nowMs: number): number =>
  Math.max(1, Math.ceil((until.readDoubleLE() - nowMs) / 1_000));
