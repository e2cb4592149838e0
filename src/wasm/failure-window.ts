/**
 * When a module fails too often to go on: `failuresMax` failures within `failureWindowMs`.
 *
 * A failure costs its own request and no other, so one that is rare is better served by the module's policy
 * than by taking the module away; one that keeps coming is a mistake in the module, or somebody's tool.
 */
export const failuresMax = 5;
export const failureWindowMs = 10_000;

export class FailureWindow {
  /** When the last failures were, as a ring. */
  readonly #at = new Float64Array(failuresMax).fill(Number.NEGATIVE_INFINITY);
  #next = 0;

  /** True when this failure and those before it are too many. */
  note(nowMs: number): boolean {
    this.#at[this.#next] = nowMs;
    this.#next = (this.#next + 1) % failuresMax;
    const oldest = this.#at[this.#next] as number;
    return nowMs - oldest < failureWindowMs;
  }
}
