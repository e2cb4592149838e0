/** `910000`, `910000-919999`: ids that exclusions name. */
import { languageLimits } from './limits.ts';

export type IdRange = { readonly from: number; readonly to: number };

/** Null where it is no range. */
export function parseIdRange(text: string): IdRange | null {
  const match = /^([0-9]{1,10})(?:-([0-9]{1,10}))?$/.exec(text.trim());
  if (match === null) return null;
  const from = Number(match[1]);
  const to = match[2] === undefined ? from : Number(match[2]);
  if (from > to || from > languageLimits.ruleIdMax) return null;
  return { from, to: Math.min(to, languageLimits.ruleIdMax) };
}

export function isInRange(id: number, range: IdRange): boolean {
  return id >= range.from && id <= range.to;
}
