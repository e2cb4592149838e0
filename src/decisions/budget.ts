/**
 * How many decisions a member may issue in a minute, so that a false rule or a stolen key on one member does not
 * become the block list of all.
 *
 * Whether a batch fits must not depend on the order it arrives in, or members would come to differ. So the batch
 * says it itself: its sequence number is the minute it was issued in and the place of its first decision in that
 * minute, under the signature.
 *
 * ```
 * sequence = minute since 1970 × 2^20 + decisions issued in it before       over budget: place + count > budget
 * ```
 *
 * Two different batches with a place in common prove that the issuer lost its disk in that minute, or that its key is
 * used twice. What was answered must not be lost, so both count, and it is shown; up to the budget once more, which is
 * all that an honest member can come to. Beyond it a thief of the key gets no further.
 */
import { WeirError } from '#core/errors.ts';

const minuteMs = 60_000;
const placesAMinute = 2 ** 20;
/** Below the places there are. */
export const budgetMax = 1_000_000;
/** For roles without a `budget` in the trust file. */
export const budgetDefaults = { node: 10_000, orchestrator: 200_000 } as const;

export function isOfMinute(sequence: number, issuedAtMs: number): boolean {
  return Math.floor(sequence / placesAMinute) === Math.floor(issuedAtMs / minuteMs);
}

export function isWithinBudget(sequence: number, count: number, budget: number): boolean {
  return (sequence % placesAMinute) + count <= budget;
}

/** Where the minute of a number begins and ends. */
export function minuteOf(sequence: number): { readonly first: number; readonly last: number } {
  const first = sequence - (sequence % placesAMinute);
  return { first, last: first + placesAMinute - 1 };
}

export type Places = { readonly first: number; readonly last: number };

/** Whether a batch with places of another one is still within what a lost disk explains. */
export function isWithinTwice(given: readonly Places[], count: number, budget: number): boolean {
  const spent = given.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  return spent + count <= 2 * budget;
}

export type Issued = {
  /** The first sequence number that is free. */
  readonly next: number;
  readonly issuedAtMs: number;
};

/**
 * Where the next so many decisions go. Time does not go back here: a clock that was set back issues in the minute
 * it had come to. Throws FLEET_BUDGET_SPENT.
 */
export function allot(
  last: Issued,
  count: number,
  budget: number,
  nowMs: number,
): { readonly sequence: number; readonly issuedAtMs: number } {
  const issuedAtMs = Math.max(nowMs, last.issuedAtMs);
  const minute = Math.floor(issuedAtMs / minuteMs);
  const sequence = Math.max(last.next, minute * placesAMinute);
  if (isOfMinute(sequence, issuedAtMs) && isWithinBudget(sequence, count, budget))
    return { sequence, issuedAtMs };
  const spent = Math.min(sequence - minute * placesAMinute, budget);
  if (count > budget)
    throw new WeirError(
      'FLEET_BUDGET_SPENT',
      `${count} decisions are more than the ${budget} this member may issue in a minute; issue fewer at a time, or raise its "budget" in the trust file of all members`,
    );
  const waitMs = (minute + 1) * minuteMs - nowMs;
  throw new WeirError(
    'FLEET_BUDGET_SPENT',
    `this member may issue ${budget} decisions a minute: ${spent} are issued, and ${count} more do not fit; try again in ${Math.ceil(waitMs / 1_000)} s, or raise its "budget" in the trust file of all members`,
  );
}
