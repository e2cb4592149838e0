/**
 * What an event is about, where a rule that adds up what others found decided: "the request reaches the threshold" says
 * of no attack what it is, and the match that gave the most points does.
 */
import type { EcsEvent, EcsMatch } from './ecs-event.ts';

/** Null where the rule that decided says it itself. */
export function leadingMatch({ rule, weir }: EcsEvent): EcsMatch | null {
  const matches = weir.matches ?? [];
  const decided = matches.find((match) => match.rule === rule?.id);
  if (decided === undefined || (decided.points ?? 0) > 0) return null;
  let leading: EcsMatch | null = null;
  for (const match of matches) if ((match.points ?? 0) > (leading?.points ?? 0)) leading = match;
  return leading;
}
