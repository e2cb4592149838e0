/**
 * A decision of a fleet about one address or range, and the one order all members read decisions in.
 *
 * ```
 * target ─► the newest decision over (at, issuer) that is still in force or in the way says what holds
 *
 *        at ├──── enforced ────┤ expiresAtMs
 *           ├──── older ones do not count ────────┤ shadowUntilMs
 * ```
 *
 * Ends are absolute: a duration would begin anew wherever a decision arrives late. `shadowUntilMs` is for what
 * was shortened or taken away: it lasts at least as long as what the issuer saw and replaced, so that a
 * member who missed the change cannot bring the old decision back when the new one has ended. A `clear` stands in
 * the way for the longest time any decision before it can live.
 */
export type HybridTime = { readonly ms: number; readonly counter: number };

export type DecisionAction = 'drop' | 'monitor' | 'clear';

export type Decision = {
  /** Canonical address or CIDR range (`#core/ip.ts`). */
  readonly target: string;
  /** `clear` takes away what was said of the target before. */
  readonly action: DecisionAction;
  readonly at: HybridTime;
  readonly expiresAtMs: number;
  /** At least `expiresAtMs`. */
  readonly shadowUntilMs: number;
  readonly reason: string;
  readonly origin: string;
};

/** What a caller wants decided: time and shadow are `DecisionLog.issue`'s to say. */
export type DecisionRequest = {
  readonly target: string;
  readonly action: DecisionAction;
  /** Of a `clear` it is not looked at. */
  readonly expiresAtMs: number;
  readonly reason: string;
  readonly origin: string;
};

/** The longest a decision lives. */
export const decisionLifeMaxMs = 30 * 86_400_000;
/**
 * How far ahead of our clock a time of another member may lie: two clocks five minutes off, one either way, and
 * room for the way between.
 */
export const clockSkewMaxMs = 15 * 60_000;
export const counterMax = 0xffff_ffff;
/** As those of the management API. */
export const reasonCharactersMax = 256;
export const originCharactersMax = 64;

export function compareTimes(a: HybridTime, b: HybridTime): number {
  return a.ms - b.ms || a.counter - b.counter;
}

/** Whether a text is one a terminal and a log can show. */
export function isPlainText(value: unknown, charactersMax: number): value is string {
  return (
    typeof value === 'string' &&
    value.length <= charactersMax &&
    value.isWellFormed() &&
    !/[\u0000-\u001f\u007f-\u009f]/.test(value)
  );
}

/** An instant in milliseconds, of any time Weir will see. */
export function isInstant(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) < 2 ** 43;
}
