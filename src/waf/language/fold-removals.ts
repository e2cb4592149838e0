/**
 * Rules that a request can switch off while it runs, and what that means for folding.
 *
 * A rule S may rely on what a rule R has set only if R has run whenever S runs: each `ctl` that stood
 * before R and might have switched R off must certainly have switched S off as well. The Core Rule Set
 * meets this (it removes by its own tag or as a whole); `ctl:ruleRemoveById=901120` in somebody's own
 * rule does not, and then nothing is folded that leans on 901120.
 */
import { isInRange } from './id-range.ts';
import { literalOf } from './macro.ts';
import type { Control, Macro, Rule } from './rule-set.ts';
import { searchPattern } from './search-pattern.ts';

type Removal = {
  /** How many rules were met before it. */
  readonly order: number;
  mayRemove(rule: Rule): boolean;
  surelyRemoves(rule: Rule): boolean;
};

export class Removals {
  readonly #removals: Removal[] = [];
  readonly #orders = new Map<Rule, number>();

  /** Rules in the order in which requests meet them. */
  meet(rule: Rule): void {
    const order = this.#orders.size;
    this.#orders.set(rule, order);
    for (const link of rule.links) {
      for (const control of link.controls) {
        const removal = removalOf(control, order);
        if (removal !== null) this.#removals.push(removal);
      }
    }
  }

  /** Whether `setter` has run whenever `reader` runs, as far as removals go. */
  isSafe(setter: Rule, reader: Rule): boolean {
    if (setter === reader) return true;
    const order = this.#orders.get(setter) ?? 0;
    return this.#removals.every(
      (removal) =>
        removal.order >= order || !removal.mayRemove(setter) || removal.surelyRemoves(reader),
    );
  }

  areSafe(setters: ReadonlySet<Rule>, reader: Rule): boolean {
    for (const setter of setters) if (!this.isSafe(setter, reader)) return false;
    return true;
  }
}

function removalOf(control: Control, order: number): Removal | null {
  switch (control.kind) {
    case 'ruleRemoveById': {
      const isNamed = (rule: Rule): boolean => isInRange(rule.id, control);
      return { order, mayRemove: isNamed, surelyRemoves: isNamed };
    }
    case 'ruleRemoveByTag':
      return byText(control.pattern, order, (rule) => rule.tags);
    case 'ruleRemoveByMsg':
      return byText(control.pattern, order, (rule) => [rule.message]);
    // Without its target a rule does not match, which is as good as removed, but only as good.
    case 'ruleRemoveTargetById':
      return {
        order,
        mayRemove: (rule) => control.target.variable === 'TX' && isInRange(rule.id, control),
        surelyRemoves: () => false,
      };
    case 'ruleRemoveTargetByTag':
    case 'ruleRemoveTargetByMsg':
      return {
        order,
        mayRemove: () => control.target.variable === 'TX',
        surelyRemoves: () => false,
      };
    default:
      return null;
  }
}

function byText(
  pattern: string,
  order: number,
  textsOf: (rule: Rule) => readonly Macro[],
): Removal {
  const isFound = searchPattern(pattern, { file: '', line: 0, column: 0 });
  return {
    order,
    mayRemove: (rule) =>
      textsOf(rule).some((macro) => {
        const text = literalOf(macro);
        return text === null || isFound(text);
      }),
    // The whole text, which every reading of the pattern finds.
    surelyRemoves: (rule) =>
      /^[\w/-]+$/.test(pattern) && textsOf(rule).some((macro) => literalOf(macro) === pattern),
  };
}
