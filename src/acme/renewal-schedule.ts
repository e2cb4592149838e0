/**
 * When a certificate is renewed, and when it is tried again.
 *
 * Two thirds into its life, a little before by chance, so that certificates obtained together are not
 * renewed together. Failures wait longer each time: authorities count them (five an hour for a name is
 * usual), and a name that points elsewhere does not come back within the minute.
 */

/** Of the life; the chance takes away up to as much again as `jitter`. */
const renewAt = 2 / 3;
const jitter = 1 / 30;
export const retryMsMin = 60_000;
export const retryMsMax = 21_600_000;
const retryGrowth = 4;

/** Whatever an authority issues, it is not asked for another within this. */
const renewalMsMin = 1_000;

/** `fromMs` is when the certificate was obtained; `chance` is in 0..1. */
export function renewalAtMs(fromMs: number, notAfterMs: number, chance: number): number {
  const life = notAfterMs - fromMs;
  return Math.floor(fromMs + Math.max(renewalMsMin, life * (renewAt - jitter * chance)));
}

/** `failures` counts them in a row, this one included. */
export function retryPauseMs(failures: number, serverMs: number | null, chance: number): number {
  const own = Math.min(retryMsMax, retryMsMin * retryGrowth ** (failures - 1));
  return Math.max(serverMs ?? 0, Math.floor(own * (1 + chance / 10)));
}
