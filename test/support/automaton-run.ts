/** The naive matcher: sets of items, step by step, with nothing clever. The others are held to it. */
import { endItem, matchList, type PositionAutomaton } from '#waf/match/position-automaton.ts';

export function automatonMatches(automaton: PositionAutomaton, subject: Uint8Array): boolean {
  const { itemList, itemSet, lists, restartLists, sets } = automaton;
  if (automaton.startList === matchList) return true;
  let active = new Set(lists[automaton.startList]);
  for (const byte of subject) {
    const next = new Set<number>();
    for (const item of active) {
      if (sets[itemSet[item] ?? 0]?.[byte] !== 1) continue;
      const list = itemList[item] ?? 0;
      if (list === matchList) return true;
      for (const reached of lists[list] ?? []) next.add(reached);
    }
    const restart = restartLists[automaton.contextOf[byte] ?? 0] ?? 0;
    if (restart === matchList) return true;
    for (const reached of lists[restart] ?? []) next.add(reached);
    active = next;
  }
  return active.has(endItem);
}
