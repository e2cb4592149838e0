/**
 * How many retries an upstream may have: a share of its recent requests, and a few whatever their
 * number. Without it, servers that fail under load get their load again, times the retries.
 */
import type { UpstreamRetries } from '#config/upstream-schema.ts';
import { SlidingCount } from './sliding-count.ts';

export class RetryBudget {
  readonly #share: number;
  readonly #min: number;
  readonly #requests = new SlidingCount();
  readonly #retries = new SlidingCount();

  constructor(settings: Pick<UpstreamRetries, 'budgetPercent' | 'budgetMin'>) {
    this.#share = settings.budgetPercent / 100;
    this.#min = settings.budgetMin;
  }

  onRequest(now: number): void {
    this.#requests.add(now);
  }

  /** True when one more is allowed; it is then counted. */
  take(now: number): boolean {
    const allowed = Math.max(this.#min, this.#requests.total(now) * this.#share);
    if (this.#retries.total(now) + 1 > allowed) return false;
    this.#retries.add(now);
    return true;
  }
}
