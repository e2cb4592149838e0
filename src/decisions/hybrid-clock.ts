/**
 * A hybrid clock: as near to the wall clock as it can be, and never behind anything it has said or seen.
 *
 * What a person decides after having seen a decision is newer than it, whatever the clocks of the two members
 * say; a clock that was set back does not make old what is new. The last time is kept with the decisions
 * (`decision-log.ts`), in the same transaction, so that all of this holds over a restart.
 */
import { WeirError } from '#core/errors.ts';
import { clockSkewMaxMs, compareTimes, counterMax, type HybridTime } from './decision.ts';

export class HybridClock {
  #last: HybridTime;

  constructor(last: HybridTime = { ms: 0, counter: 0 }) {
    this.#last = last;
  }

  get last(): HybridTime {
    return this.#last;
  }

  /**
   * Throws FLEET_CLOCK_BEHIND where our clock is further behind than others put up with: what it would say
   * they would refuse as being of the future.
   */
  next(nowMs: number): HybridTime {
    const { ms, counter } = this.#last;
    const aheadMs = ms - nowMs;
    if (aheadMs > clockSkewMaxMs) {
      throw new WeirError(
        'FLEET_CLOCK_BEHIND',
        `the clock of this machine is ${Math.round(aheadMs / 1_000)} s behind what this member has issued or seen, and others take at most ${clockSkewMaxMs / 1_000} s; set the clock right`,
      );
    }
    if (nowMs > ms) this.#last = { ms: nowMs, counter: 0 };
    else if (counter < counterMax) this.#last = { ms, counter: counter + 1 };
    else this.#last = { ms: ms + 1, counter: 0 };
    return this.#last;
  }

  /** Of a time that was checked against the skew. */
  observe(seen: HybridTime): void {
    if (compareTimes(seen, this.#last) > 0) this.#last = seen;
  }

  /** After a write that failed: what was said in it was not said. */
  reset(to: HybridTime): void {
    this.#last = to;
  }
}
