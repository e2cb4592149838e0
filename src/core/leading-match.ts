/**
 * What a decision is about, where a rule that adds up what others found made it: "the request reaches the threshold" says
 * of no attack what it is, and the match that gave the most points does.
 */
type Match = { readonly rule: string; readonly points?: number | null };

/** Null where the rule that decided says it itself. */
export function leadingMatch<T extends Match>(matches: readonly T[], decided: string): T | null {
  const own = matches.find(({ rule }) => rule === decided);
  if (own === undefined || (own.points ?? 0) > 0) return null;
  let leading: T | null = null;
  for (const match of matches) if ((match.points ?? 0) > (leading?.points ?? 0)) leading = match;
  return leading;
}
