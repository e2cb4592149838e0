/**
 * Takes a server out when requests to it fail, and lets a few through later to see whether it is back.
 *
 * ```
 * closed ─failures in a row, or their share─► open ─openMs─► half-open ─all trials succeed─► closed
 *                                              ▲                 │
 *                                              └──one fails──────┘
 * ```
 *
 * Time is handed in; nothing here waits.
 */
import type { UpstreamBreaker } from '#config/upstream-schema.ts';
import { SlidingCount } from './sliding-count.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';
export type BreakerSettings = Omit<UpstreamBreaker, 'statuses'>;

export class CircuitBreaker {
  readonly #settings: BreakerSettings;
  readonly #requests = new SlidingCount();
  readonly #failed = new SlidingCount();
  #state: BreakerState = 'closed';
  #inARow = 0;
  #openUntil = 0;
  /** Trials that run now, and those that have succeeded since it became half-open. */
  #running = 0;
  #succeeded = 0;
  /** Counts openings: what a request of an earlier time reports says nothing of the server now. */
  #epoch = 0;

  constructor(settings: BreakerSettings) {
    this.#settings = settings;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Whether a request may go out now. */
  permits(now: number): boolean {
    if (this.#state === 'closed') return true;
    if (this.#state === 'open') return now >= this.#openUntil;
    return this.#running + this.#succeeded < this.#settings.trials;
  }

  /** When a request may go out at the earliest; for one that is permitted, now. */
  nextTrialAt(now: number): number {
    return this.#state === 'open' ? Math.max(now, this.#openUntil) : now;
  }

  /** A request goes out. The token comes back with `succeeded`, `failed` or `abandoned`, once. */
  begin(now: number): number {
    if (this.#state === 'open' && now >= this.#openUntil) {
      this.#state = 'half-open';
      this.#running = 0;
      this.#succeeded = 0;
    }
    if (this.#state === 'half-open') this.#running++;
    return this.#epoch;
  }

  succeeded(token: number, now: number): void {
    if (token !== this.#epoch || this.#state === 'open') return;
    if (this.#state === 'half-open') {
      this.#running--;
      if (++this.#succeeded >= this.#settings.trials) this.#close();
      return;
    }
    this.#inARow = 0;
    if (this.#settings.sharePercent > 0) this.#requests.add(now);
  }

  failed(token: number, now: number): void {
    if (token !== this.#epoch || this.#state === 'open') return;
    if (this.#state === 'half-open') {
      this.#open(now);
      return;
    }
    const { failures, sharePercent, shareRequestsMin } = this.#settings;
    this.#inARow++;
    let isTooMany = failures > 0 && this.#inARow >= failures;
    if (sharePercent > 0) {
      this.#requests.add(now);
      this.#failed.add(now);
      const requests = this.#requests.total(now);
      isTooMany ||=
        requests >= shareRequestsMin && this.#failed.total(now) * 100 >= requests * sharePercent;
    }
    if (isTooMany) this.#open(now);
  }

  /** It ended without saying anything of the server: the client went away, or a kept connection was stale. */
  abandoned(token: number): void {
    if (token === this.#epoch && this.#state === 'half-open') this.#running--;
  }

  #open(now: number): void {
    this.#state = 'open';
    this.#openUntil = now + this.#settings.openMs;
    this.#epoch++;
  }

  #close(): void {
    this.#state = 'closed';
    this.#epoch++;
    this.#inARow = 0;
    this.#requests.clear();
    this.#failed.clear();
  }
}
