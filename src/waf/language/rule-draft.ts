/**
 * A rule while files are still being read: what each link says for itself, beside the defaults that were
 * in force where it stands. Directives that come later change drafts (`exclusions.ts`); `finishRule`
 * turns what is left into rules.
 */
import type { Action } from './action-list.ts';
import type { Operator, Phase, Position, Target } from './rule-set.ts';
import type { RefusedPart } from './target-list.ts';

export type LinkDraft = {
  readonly position: Position;
  targets: Target[];
  /** `@unconditionalMatch` for `SecAction`; that also stands in for an operator that is refused. */
  readonly operator: Operator;
  /** Of a byte of the operator's argument. */
  readonly argumentAt: (offset: number) => Position;
  /** Its own ones and those that `SecRuleUpdateActionById` adds. */
  actions: Action[];
  /** Of targets and the operator; those of actions are found when the rule is finished. */
  readonly refused: readonly RefusedPart[];
};

export type RuleDraft = {
  readonly kind: 'rule';
  readonly id: number;
  readonly phase: Phase;
  readonly position: Position;
  readonly links: LinkDraft[];
  /** Of `SecDefaultAction`, as it stood. */
  readonly defaults: readonly Action[];
  /** Why an exclusion took it away; null while it is in. */
  removed: string | null;
};

export type MarkerDraft = {
  readonly kind: 'marker';
  readonly name: string;
  readonly position: Position;
};

export type Draft = RuleDraft | MarkerDraft;

/** Texts of one kind of action over the links of a rule, for exclusions by tag and by message. */
export function actionValues(draft: RuleDraft, name: string): readonly string[] {
  const head = draft.links[0];
  if (head === undefined) return [];
  return [...draft.defaults, ...head.actions]
    .filter((action) => action.name === name)
    .map((action) => action.value ?? '');
}
