/**
 * Whether a server may get requests, and how many: what checks say of it, what its requests say (the
 * breaker), and how long it is back.
 *
 * ```
 * healthy ─checks fail─► unhealthy ─checks succeed─┐
 *    ▲  └─requests fail─► open ─► trial ─succeed───┤
 *    └──────────────────── starting (weight rises) ◄┘
 * ```
 *
 * A server that has not been checked yet counts as healthy: at start there is nothing else to go by.
 */
import type { UpstreamHealth } from '#config/upstream-schema.ts';
import { type BreakerSettings, CircuitBreaker } from './circuit-breaker.ts';

export const serverStates = ['healthy', 'starting', 'unhealthy', 'open', 'trial'] as const;
export type ServerState = (typeof serverStates)[number];

export type HealthSettings = {
  readonly breaker: BreakerSettings;
  readonly checks: Pick<UpstreamHealth, 'healthyAfter' | 'unhealthyAfter'> | null;
  readonly slowStartMs: number;
};

/** A server that comes back gets at least this share of its weight at once, else it never would. */
const startShareMin = 0.1;

export class ServerHealth {
  readonly #settings: HealthSettings;
  readonly #breaker: CircuitBreaker;
  readonly #onChange: (state: ServerState, reason: string) => void;
  #checksFail = false;
  #good = 0;
  #bad = 0;
  #nextCheckAt = 0;
  #startedAt = Number.NEGATIVE_INFINITY;
  #said: ServerState = 'healthy';

  constructor(settings: HealthSettings, onChange: (state: ServerState, reason: string) => void) {
    this.#settings = settings;
    this.#breaker = new CircuitBreaker(settings.breaker);
    this.#onChange = onChange;
  }

  state(now: number): ServerState {
    if (this.#checksFail) return 'unhealthy';
    const breaker = this.#breaker.state;
    if (breaker !== 'closed') return breaker === 'open' ? 'open' : 'trial';
    return now < this.#startedAt + this.#settings.slowStartMs ? 'starting' : 'healthy';
  }

  /** Few requests are let through, to see whether it is back. */
  get isOnTrial(): boolean {
    return this.#breaker.state === 'half-open';
  }

  isUsable(now: number): boolean {
    return !this.#checksFail && this.#breaker.permits(now);
  }

  /** The share of its weight a usable server has now. */
  share(now: number): number {
    const { slowStartMs } = this.#settings;
    const since = now - this.#startedAt;
    return since >= slowStartMs ? 1 : Math.max(startShareMin, since / slowStartMs);
  }

  /** When it may be usable again, as far as is known. */
  nextTrialAt(now: number): number {
    return this.#checksFail ? Math.max(now, this.#nextCheckAt) : this.#breaker.nextTrialAt(now);
  }

  begin(now: number): number {
    const token = this.#breaker.begin(now);
    this.#say(now, 'let through on trial');
    return token;
  }

  succeeded(token: number, now: number): void {
    const wasOnTrial = this.isOnTrial;
    this.#breaker.succeeded(token, now);
    if (!wasOnTrial || this.isOnTrial) return;
    this.#startedAt = now;
    this.#say(now, 'every trial succeeded');
  }

  failed(token: number, now: number, reason: string): void {
    this.#breaker.failed(token, now);
    this.#say(now, reason);
  }

  abandoned(token: number): void {
    this.#breaker.abandoned(token);
  }

  /** The result of a check; `reason` says what was wrong, and is empty for a good one. */
  checked(reason: string, now: number, nextCheckAt: number): void {
    const { checks } = this.#settings;
    if (checks === null) return;
    this.#good = reason === '' ? this.#good + 1 : 0;
    this.#bad = reason === '' ? 0 : this.#bad + 1;
    if (this.#checksFail && this.#good >= checks.healthyAfter) {
      this.#checksFail = false;
      this.#startedAt = now;
    } else if (this.#bad >= checks.unhealthyAfter) this.#checksFail = true;
    // Where more good ones are needed, the checks after the next have to come first.
    const more = Math.max(0, checks.healthyAfter - this.#good - 1);
    this.#nextCheckAt = nextCheckAt + more * (nextCheckAt - now);
    this.#say(now, reason === '' ? 'checks succeed' : reason);
  }

  #say(now: number, reason: string): void {
    const state = this.state(now);
    // That its weight has risen to the whole is no event; that it comes back is.
    const said = state === 'starting' ? 'healthy' : state;
    if (said === this.#said) return;
    this.#said = said;
    this.#onChange(state, reason);
  }
}
