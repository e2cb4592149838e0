/**
 * What the requests of all workers say of addresses and routes, and what follows: who is blocked and for how long,
 * which routes are challenged. Values in, values out; `src/roles/` has it carried out.
 *
 * ```
 * tallies of a worker, each second ─► violations ┐ 20 ─► 3,600 s, doubling
 *   (address: requests, errors, violations)      ├ 50 errors, 1,000 requests ─► 300 s      ─► orders
 *                                     ─► routes ─► beyond three times the usual ─► challenged 300 s
 * ```
 *
 * Somebody who is held is not ordered again before the end; then everything about him begins at 0. What is
 * not remembered of a million addresses, and how wrong counts can be, stands in `sliding-table.ts`.
 */
import type { BehaviourSettings } from '#config/behaviour-schema.ts';
import { RecentMap } from '#core/recent-map.ts';
import { addressKey, targetOf } from './address-key.ts';
import { Offences } from './offences.ts';
import { type BaselineState, RouteBaseline } from './route-baseline.ts';
import { SlidingTable, slotsDefault } from './sliding-table.ts';

/** What one worker saw of one address since it told last. */
export type AddressTally = {
  readonly address: string;
  readonly requests: number;
  readonly errors: number;
  readonly violations: number;
};

export type RouteTally = { readonly route: string; readonly requests: number };

export const blockReasons = ['violations', 'errors', 'requests', 'logins'] as const;
export type BlockWhy = (typeof blockReasons)[number];

export type BehaviourOrder = {
  /** An address, or the /64 of one. */
  readonly target: string;
  readonly why: BlockWhy;
  readonly seconds: number;
  readonly reason: string;
};

/** What outlives the process. */
export type BehaviourState = {
  readonly routes: Readonly<Record<string, BaselineState>>;
  readonly offences: readonly (readonly [target: string, times: number, untilMs: number])[];
};

/** Routes are as many as the configuration has. */
const routesMax = 10_000;
const offencesKeptMax = 10_000;

export class Behaviour {
  readonly #settings: BehaviourSettings;
  readonly #tables: Readonly<Record<'violations' | 'errors' | 'requests', SlidingTable>>;
  readonly #offences = new Offences();
  readonly #routes = new Map<string, RouteBaseline>();
  readonly #kept: RecentMap<string, BaselineState>;

  constructor(settings: BehaviourSettings, kept: BehaviourState | null, slots = slotsDefault) {
    this.#settings = settings;
    const table = (name: 'violations' | 'errors' | 'requests'): SlidingTable =>
      new SlidingTable(settings[name].windowSeconds * 1_000, slots);
    this.#tables = {
      violations: table('violations'),
      errors: table('errors'),
      requests: table('requests'),
    };
    this.#kept = new RecentMap(routesMax * 2);
    for (const [route, state] of Object.entries(kept?.routes ?? {})) this.#kept.set(route, state);
    this.#offences.restore(kept?.offences ?? []);
  }

  get settings(): BehaviourSettings {
    return this.#settings;
  }

  /** Of the tables, fixed from the beginning. */
  get bytes(): number {
    return Object.values(this.#tables).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get forgotten(): number {
    return Object.values(this.#tables).reduce((sum, { forgotten }) => sum + forgotten, 0);
  }

  /** Addresses whose requests are counted now. */
  addresses(nowMs: number): number {
    return this.#tables.requests.used(nowMs);
  }

  take(tallies: readonly AddressTally[], nowMs: number): BehaviourOrder[] {
    const orders: BehaviourOrder[] = [];
    for (const tally of tallies) {
      const order = this.#judge(tally, nowMs);
      if (order !== null) orders.push(order);
    }
    return orders;
  }

  /** An address whose logins fail; null where it is held already. */
  failedLogins(address: string, seconds: number, nowMs: number): BehaviourOrder | null {
    const key = addressKey(address);
    if (key === null) return null;
    const target = targetOf(key);
    if (this.#offences.isHeld(target, nowMs)) return null;
    this.#offences.hold(target, seconds, nowMs);
    return { target, why: 'logins', seconds, reason: 'too many failed logins' };
  }

  /** Routes whose requests are challenged from now on. */
  takeRoutes(tallies: readonly RouteTally[], nowMs: number): string[] {
    const began: string[] = [];
    for (const { route, requests } of tallies)
      if (this.#baseline(route)?.note(requests, nowMs) === true) began.push(route);
    return began;
  }

  /** Routes that are challenged, and until when. */
  challenged(nowMs: number): { route: string; untilMs: number }[] {
    return [...this.#routes].flatMap(([route, { untilMs }]) =>
      untilMs > nowMs ? [{ route, untilMs }] : [],
    );
  }

  /** What has been learned so far, for who looks. */
  learned(): { route: string; usual: number | null; slotsKnown: number }[] {
    return [...this.#routes].map(([route, { usual, slotsKnown }]) => ({
      route,
      usual,
      slotsKnown,
    }));
  }

  /** Routes that are configured no longer are forgotten; the others begin with what was kept of them. */
  retainRoutes(routes: readonly string[]): void {
    const live = new Set(routes);
    for (const route of this.#routes.keys()) if (!live.has(route)) this.#routes.delete(route);
    for (const route of live) this.#baseline(route);
  }

  state(nowMs: number): BehaviourState {
    return {
      routes: Object.fromEntries([...this.#routes].map(([name, one]) => [name, one.state()])),
      offences: this.#offences.state(nowMs, offencesKeptMax),
    };
  }

  #judge(tally: AddressTally, nowMs: number): BehaviourOrder | null {
    const key = addressKey(tally.address);
    if (key === null) return null;
    const { violations, errors, requests } = this.#tables;
    const counts = {
      violations: tally.violations === 0 ? 0 : violations.add(key, tally.violations, nowMs),
      errors: tally.errors === 0 ? 0 : errors.add(key, tally.errors, nowMs),
      requests: requests.add(key, tally.requests, nowMs),
    };
    const why = (['violations', 'errors', 'requests'] as const).find((name) => {
      const { count } = this.#settings[name];
      return count > 0 && counts[name] >= count;
    });
    if (why === undefined) return null;
    const target = targetOf(key);
    if (this.#offences.isHeld(target, nowMs)) return null;
    for (const table of Object.values(this.#tables)) table.clear(key);
    const { windowSeconds } = this.#settings[why];
    const seconds = this.#hold(target, why, nowMs);
    const reason = `${counts[why]} ${words[why]} in ${windowSeconds} s`;
    return { target, why, seconds, reason };
  }

  #hold(target: string, why: 'violations' | 'errors' | 'requests', nowMs: number): number {
    const { violations } = this.#settings;
    if (why === 'violations')
      return this.#offences.double(
        target,
        violations.blockSeconds,
        violations.blockSecondsMax,
        nowMs,
      );
    const seconds = this.#settings[why].blockSeconds;
    this.#offences.hold(target, seconds, nowMs);
    return seconds;
  }

  #baseline(route: string): RouteBaseline | null {
    const known = this.#routes.get(route);
    if (known !== undefined) return known;
    if (this.#routes.size >= routesMax) return null;
    const made = new RouteBaseline(this.#settings.baseline, this.#kept.get(route) ?? null);
    this.#routes.set(route, made);
    return made;
  }
}

const words = {
  violations: 'requests that rules or rates stopped',
  errors: 'answers 4xx or 5xx',
  requests: 'requests',
} as const;
