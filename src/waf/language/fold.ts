/** Stub. */
import type { Marker, Rule } from './rule-set.ts';

export type FoldedRule = { readonly rule: Rule; readonly reason: string };
export type FoldResult = {
  readonly items: readonly (Rule | Marker)[];
  readonly folded: readonly FoldedRule[];
};

export function foldRules(items: readonly (Rule | Marker)[]): FoldResult {
  return { items, folded: [] };
}
