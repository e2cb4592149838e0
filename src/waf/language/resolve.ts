/**
 * Drafts to rules: exclusions are applied, drafts finished, gates folded, and the fate of each rule is
 * written down. What must not run is refused last, so that a rule which is removed or which no setting
 * lets run does not stand in the way.
 */
import { doubtsOf } from './doubts.ts';
import type { Exclusion } from './exclusions.ts';
import { foldRules } from './fold.ts';
import { idle } from './fold-stores.ts';
import { withMarkers } from './markers.ts';
import { PatternCheck } from './pattern-check.ts';
import { collectionsRead, persistenceRefusals } from './persistence.ts';
import type { ProblemList, RuleNote } from './problem.ts';
import type { Draft, RuleDraft } from './rule-draft.ts';
import { type FinishedRule, finishRule } from './rule-finish.ts';
import type { Disposition, EngineSettings, Marker, Rule, RuleSet } from './rule-set.ts';
import type { RefusedPart } from './target-list.ts';
import { unfilledNotes, unfilledRefusals } from './unfilled.ts';

type Fate = Pick<Disposition, 'fate' | 'reason'>;

export function resolveRules(
  drafts: readonly Draft[],
  exclusions: readonly Exclusion[],
  settings: EngineSettings,
  problems: ProblemList,
  isFolding: boolean,
): { readonly ruleSet: RuleSet; readonly notes: readonly RuleNote[] } {
  const notes = applyExclusions(drafts, exclusions);
  const fates = new Map<RuleDraft, Fate>();
  const draftOf = new Map<string, RuleDraft>();
  const finished = new Map<RuleDraft, FinishedRule>();
  const written: (Rule | Marker)[] = [];
  for (const draft of drafts) {
    if (draft.kind === 'marker') {
      written.push(draft);
      continue;
    }
    draftOf.set(placeOf(draft), draft);
    if (draft.removed !== null) {
      fates.set(draft, { fate: 'removed', reason: draft.removed });
      continue;
    }
    const isRead = problems.catching(() => {
      const result = finishRule(draft);
      finished.set(draft, result);
      written.push(result.rule);
    });
    if (!isRead)
      fates.set(draft, { fate: 'refused', reason: 'it cannot be read; see its problem' });
  }
  const marked = withMarkers(written, problems);
  const { items, folded } = isFolding ? foldRules(marked) : { items: marked, folded: [] };
  const read = collectionsRead(items.filter((item) => item.kind === 'rule'));
  const refuse = (draft: RuleDraft, parts: readonly RefusedPart[]): void => {
    for (const { position, reason, fix } of parts) {
      const orDrop = draft.id === 0 ? '' : `; or drop it: SecRuleRemoveById ${draft.id}`;
      problems.add({ position, message: reason, fix: `${fix}${orDrop}` });
    }
    const first = parts[0];
    if (first !== undefined) fates.set(draft, { fate: 'refused', reason: first.reason });
  };
  for (const { rule, reason } of folded) {
    const draft = draftOf.get(placeOf(rule));
    if (draft === undefined) continue;
    fates.set(draft, { fate: 'folded', reason });
    // Nothing of what it does is left, as what it does is refused: that is no reason to say nothing.
    const result = finished.get(draft);
    if (reason === idle && result !== undefined)
      refuse(draft, [...result.refusedActions, ...persistenceRefusals(result, read)]);
  }
  const patterns = new PatternCheck();
  const say = (position: RuleNote['position'], message: string): void => {
    notes.push({ position, message });
  };
  const runnable = items.map((item) =>
    item.kind === 'rule' ? patterns.rewritten(item, say) : item,
  );
  const rules = runnable.filter((item) => {
    const draft = item.kind === 'rule' ? draftOf.get(placeOf(item)) : undefined;
    const result = draft === undefined ? undefined : finished.get(draft);
    if (draft === undefined || result === undefined) return true;
    const refused = [
      ...result.refused,
      ...(item.kind === 'rule' ? patterns.refusals(item, draft) : []),
      ...persistenceRefusals(result, read),
      ...(item.kind === 'rule' ? unfilledRefusals(item) : []),
    ];
    refuse(draft, refused);
    if (item.kind === 'rule' && refused.length === 0)
      notes.push(
        ...result.notes,
        ...doubtsOf(item),
        ...unfilledNotes(item).map((message) => ({ position: item.position, message })),
      );
    return refused.length === 0;
  });
  const ruleSet = { rules, settings, dispositions: dispositionsOf(drafts, fates) };
  return { ruleSet, notes: withoutRepeats(notes) };
}

/** Hundreds of rules may say the same `ctl`, and rules share their defaults: once is enough. */
function withoutRepeats(notes: readonly RuleNote[]): readonly RuleNote[] {
  const said = new Set<string>();
  return notes.filter(({ position: { file, line, column }, message }) => {
    const key = message.startsWith('ctl:') ? message : `${file}:${line}:${column} ${message}`;
    return said.size < said.add(key).size;
  });
}

function applyExclusions(drafts: readonly Draft[], exclusions: readonly Exclusion[]): RuleNote[] {
  const notes: RuleNote[] = [];
  for (const { directive, position, choice, apply } of exclusions) {
    let count = 0;
    for (const draft of drafts) {
      if (draft.kind === 'marker' || !choice.matches(draft)) continue;
      apply(draft);
      count++;
    }
    if (count === 0) {
      notes.push({ position, message: `${directive} ${choice.text} meets no rule` });
    }
  }
  return notes;
}

function dispositionsOf(
  drafts: readonly Draft[],
  fates: ReadonlyMap<RuleDraft, Fate>,
): Disposition[] {
  return drafts.flatMap((draft) => {
    if (draft.kind === 'marker') return [];
    const { fate, reason } = fates.get(draft) ?? { fate: 'loaded', reason: '' };
    return [{ id: draft.id, position: draft.position, fate, reason }];
  });
}

/** A place holds one directive, whereas old actions may share the id 0. */
function placeOf({ position }: { readonly position: Rule['position'] }): string {
  return `${position.file}:${position.line}:${position.column}`;
}
