/**
 * Where `skipAfter` leads. A marker must follow; the id of a later rule serves as well, as in ModSecurity,
 * and gets a marker behind it.
 *
 * ModSecurity skips the rest of the phase when nothing has that name: one slip of a key and hundreds of
 * rules never run, without a word. Here it is a problem.
 */
import { nearestName } from '#core/nearest-name.ts';
import { type ProblemList, RuleError } from './problem.ts';
import type { Marker, Rule } from './rule-set.ts';

export function withMarkers(
  items: readonly (Rule | Marker)[],
  problems: ProblemList,
): readonly (Rule | Marker)[] {
  const after = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    if (item.kind === 'marker') after.set(item.name, index);
    else if (item.id !== 0) after.set(String(item.id), index);
  }
  const markers = new Set(items.flatMap((item) => (item.kind === 'marker' ? [item.name] : [])));
  const wanted = new Set<string>();
  for (const [index, item] of items.entries()) {
    if (item.kind === 'marker' || item.skipAfter === null) continue;
    const name = item.skipAfter;
    if ((after.get(name) ?? -1) > index) {
      if (!markers.has(name)) wanted.add(name);
    } else problems.catching(() => lost(item, name, [...markers]));
  }
  if (wanted.size === 0) return items;
  return items.flatMap((item) => {
    if (item.kind === 'marker' || !wanted.has(String(item.id))) return [item];
    return [item, { kind: 'marker', name: String(item.id), position: item.position }];
  });
}

function lost(rule: Rule, name: string, markers: readonly string[]): never {
  const near = nearestName(name, markers);
  throw new RuleError(
    rule.position,
    `skipAfter:${name} leads nowhere: no marker of that name follows`,
    near === null || near === name
      ? `write SecMarker "${name}" behind the rules to leap over`
      : `did you mean ${near}?`,
  );
}
