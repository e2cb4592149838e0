/**
 * How much of something that is harmless in small numbers one session may do: a stock that is used up by
 * one a time and comes back with the time, and with what the session does that is worth something.
 *
 * Looked at only when such a frame comes, so a session that behaves pays nothing for it.
 */
import { monotonicMs } from '#core/clock.ts';
import { errorCode } from './error-code.ts';
import type { Fault } from './fault.ts';
import { type AllowanceName, type AllowanceSize, allowances } from './limits.ts';

export class Allowance {
  readonly #size: AllowanceSize;
  #left: number;
  #at = monotonicMs();

  constructor(size: AllowanceSize) {
    this.#size = size;
    this.#left = size.burst;
  }

  /** False when there is none left. */
  spend(): boolean {
    const now = monotonicMs();
    this.earn(((now - this.#at) / 1_000) * this.#size.perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  earn(count: number): void {
    this.#left = Math.min(this.#size.burst, this.#left + count);
  }
}

/** Those of one session, made when they are first looked at. */
export class Allowances {
  readonly #made: Partial<Record<AllowanceName, Allowance>> = {};

  /** The session's end when there is none left, else null. */
  spend(name: AllowanceName): Fault | null {
    const allowance = (this.#made[name] ??= new Allowance(allowances[name]));
    return allowance.spend() ? null : { code: errorCode.enhanceYourCalm, ending: name };
  }

  earn(name: AllowanceName, count: number): void {
    this.#made[name]?.earn(count);
  }
}
