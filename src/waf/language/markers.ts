/**
 * Where `skip` and `skipAfter` lead. `skip:N` gets a marker behind the Nth rule of its phase: a number
 * would point elsewhere as soon as a rule between is folded away.
 *
 * For `skipAfter` a marker must follow; the id of a later rule serves as well, as in ModSecurity,
 * and gets a marker behind it.
 *
 * ModSecurity skips the rest of the phase when nothing has that name: one slip of a key and hundreds of
 * rules never run, without a word. Here it is a problem.
 */
import { nearestName } from '#core/nearest-name.ts';
import { type ProblemList, RuleError } from './problem.ts';
import type { Marker, Rule } from './rule-set.ts';

export function withMarkers(
  written: readonly (Rule | Marker)[],
  problems: ProblemList,
): readonly (Rule | Marker)[] {
  const items = withoutSkips(written);
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

function withoutSkips(items: readonly (Rule | Marker)[]): readonly (Rule | Marker)[] {
  if (!items.some((item) => item.kind === 'rule' && item.skip > 0)) return items;
  const behind = new Map<number, Marker[]>();
  const changed = items.map((item, index) => {
    if (item.kind === 'marker' || item.skip === 0) return item;
    const name = `skip:${item.skip} of rule ${item.id}`;
    const at = landing(items, index, item);
    const marker: Marker = { kind: 'marker', name: `${name} #${index}`, position: item.position };
    behind.set(at, [...(behind.get(at) ?? []), marker]);
    return { ...item, skip: 0, skipAfter: item.skipAfter ?? marker.name };
  });
  return changed.flatMap((item, index) => [item, ...(behind.get(index) ?? [])]);
}

/** Index of the last rule that is leapt over. */
function landing(items: readonly (Rule | Marker)[], from: number, rule: Rule): number {
  let left = rule.skip;
  for (let at = from + 1; at < items.length; at++) {
    const item = items[at];
    if (item?.kind === 'rule' && item.phase === rule.phase && --left === 0) return at;
  }
  return items.length - 1;
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
