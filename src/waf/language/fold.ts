/**
 * Folds what the setup decides: rules that no request can make run are taken out, and values that no
 * request can change are written where they are read.
 *
 *   SecAction "…setvar:tx.detection_paranoia_level=1"        known from here on
 *   SecRule TX:DETECTION_PARANOIA_LEVEL "@lt 2" "…skipAfter:END"   always leaps: gone, with
 *   SecRule ARGS "@rx …"                                     what lies between: no request gets here
 *   SecMarker END
 *
 * The rules are walked in the order in which a request meets them, phase by phase, with the values that
 * hold on every way to each rule (`fold-state.ts`). Ways join at markers, and at the start of a phase,
 * which a request may also reach from a rule that denied or allowed it earlier. A rule is taken out if it
 * is on no way, if it can never match, or if nothing it does can be seen. The walk takes for granted
 * that a request runs phase 1 from its first rule on, and that nothing but rules writes TX.
 *
 * What is not folded is left as it is written, so a doubt costs time and never a rule.
 */
import { Decider } from './fold-decide.ts';
import { Removals } from './fold-removals.ts';
import { joined, OpenNames, type State } from './fold-state.ts';
import {
  type FoldedRule,
  type FoldResult,
  hasEffects,
  isQuiet,
  withoutDeadStores,
} from './fold-stores.ts';
import type { Link, Marker, Phase, Rule } from './rule-set.ts';

const phases: readonly Phase[] = [1, 2, 3, 4, 5];

export function foldRules(items: readonly (Rule | Marker)[]): FoldResult {
  const walk = new Walk(items);
  for (const phase of phases) walk.phase(phase);
  const { items: left, folded } = withoutDeadStores(walk.left());
  return { items: left, folded: [...walk.folded, ...folded] };
}

/** A gate that every request leaps from, and where it leads. */
type Leap = { readonly gate: Rule; readonly why: string };

class Walk {
  readonly #items: readonly (Rule | Marker)[];
  readonly #removals = new Removals();
  readonly #decider: Decider;
  readonly folded: FoldedRule[] = [];
  /** What each rule that stays has become. */
  readonly #kept = new Map<Rule, Rule>();
  /** On the way to the rule at hand; null: nobody comes here. */
  #state: State | null = new Map();
  /** Left the phase before its end. */
  #ended: State | null = null;
  /** On the way to a marker. */
  #toMarker = new Map<string, State | null>();
  #leap: Leap | null = null;

  constructor(items: readonly (Rule | Marker)[]) {
    this.#items = items;
    const rules = items.filter((item) => item.kind === 'rule');
    this.#decider = new Decider(new OpenNames(rules), this.#removals);
  }

  phase(phase: Phase): void {
    this.#state = joined(this.#state, this.#ended);
    this.#toMarker = new Map();
    for (const [index, item] of this.#items.entries()) {
      if (item.kind === 'marker') {
        this.#state = joined(this.#state, this.#toMarker.get(item.name) ?? null);
        this.#toMarker.delete(item.name);
      } else if (item.phase === phase) {
        this.#rule(item, index);
      }
    }
    for (const state of this.#toMarker.values()) this.#state = joined(this.#state, state);
  }

  left(): readonly (Rule | Marker)[] {
    const left: (Rule | Marker)[] = [];
    for (const item of this.#items) {
      const kept = item.kind === 'marker' ? item : this.#kept.get(item);
      if (kept !== undefined) left.push(kept);
    }
    return left;
  }

  #rule(rule: Rule, index: number): void {
    const before = this.#state;
    if (before === null) {
      const leap = this.#leap;
      this.folded.push({
        rule,
        reason:
          leap === null
            ? 'no request comes here'
            : `behind rule ${leap.gate.id}, which always leaps to ${leap.gate.skipAfter}: ${leap.why}`,
      });
      return;
    }
    this.#removals.meet(rule);
    let matched: State | null = new Map(before);
    let unmatched: State | null = null;
    let isCertain = true;
    const why: string[] = [];
    const links: Link[] = [];
    for (const link of rule.links) {
      const decision = this.#decider.decide(link, rule, matched);
      if (decision.why !== '') why.push(decision.why);
      if (decision.matches === false) {
        unmatched = joined(unmatched, matched);
        matched = null;
        if (!links.some(hasEffects)) {
          this.folded.push({ rule, reason: `never matches: ${decision.why}` });
          this.#state = before;
          return;
        }
        break;
      }
      if (decision.matches === null) {
        unmatched = joined(unmatched, new Map(matched));
        isCertain = false;
      }
      const isLast = link === rule.links.at(-1);
      const isFree = decision.matches === true && isForgotten(link, rule, isLast);
      if (!isFree || isLast || hasEffects(link)) {
        links.push(this.#filledLink(link, rule, matched, isFree));
      }
      this.#decider.runEffects(link, rule, matched, isCertain);
    }
    const isGate = isCertain && matched !== null && this.#isGate(rule, index);
    if (isGate && isQuiet(rule) && !links.some(hasEffects)) {
      this.folded.push({
        rule,
        reason: `always leaps to ${rule.skipAfter}: ${why.join(', ')}`,
      });
    } else {
      this.#kept.set(rule, matched === null ? rule : this.#filledRule(rule, links, matched));
    }
    this.#leave(
      rule,
      matched,
      isCertain && !isGate ? joined(unmatched, leapless(rule, before)) : unmatched,
    );
    if (isGate) this.#leap = { gate: rule, why: why.join(', ') };
  }

  /** Where a request goes from here. */
  #leave(rule: Rule, matched: State | null, unmatched: State | null): void {
    if (matched === null) {
      this.#state = unmatched;
      return;
    }
    // Denied or allowed; in detection only it goes on as well.
    if (rule.disruption.kind !== 'pass') this.#ended = joined(this.#ended, matched);
    if (rule.skipAfter !== null) {
      const there = this.#toMarker.get(rule.skipAfter) ?? null;
      this.#toMarker.set(rule.skipAfter, joined(there, matched));
      this.#state = unmatched;
    } else this.#state = joined(unmatched, matched);
  }

  /**
   * A leap that every request makes, even one that has rules switched off: whatever may remove the gate
   * removes each rule behind it too.
   */
  #isGate(rule: Rule, index: number): boolean {
    if (rule.skipAfter === null) return false;
    for (let at = index + 1; at < this.#items.length; at++) {
      const item = this.#items[at];
      if (item === undefined) break;
      if (item.kind === 'marker') {
        if (item.name === rule.skipAfter) return true;
      } else if (item.phase === rule.phase && !this.#removals.isSafe(rule, item)) return false;
    }
    return false;
  }

  /** The link with known values written in; a free one looks at nothing. */
  #filledLink(link: Link, rule: Rule, state: State, isFree: boolean): Link {
    const fill = (macro: Link['operator']['argument']) => this.#decider.filled(macro, rule, state);
    return {
      ...link,
      targets: isFree ? [] : link.targets,
      transformations: isFree ? [] : link.transformations,
      operator: isFree
        ? {
            ...link.operator,
            name: 'unconditionalMatch',
            isNegated: false,
            argument: [],
            entries: null,
          }
        : { ...link.operator, argument: fill(link.operator.argument) },
      setVariables: this.#filledChanges(link, rule, state),
    };
  }

  /** One after the other, as each sees what those before it set. */
  #filledChanges(link: Link, rule: Rule, state: State): Link['setVariables'] {
    if (link.setVariables.length === 0) return link.setVariables;
    const running: State = new Map(state);
    return link.setVariables.map((change) => {
      const value = this.#decider.filled(change.value, rule, running);
      this.#decider.runEffects({ ...link, setVariables: [change] }, rule, running, false);
      return { ...change, value };
    });
  }

  #filledRule(rule: Rule, links: readonly Link[], state: State): Rule {
    const fill = (macro: Rule['message']) => this.#decider.filled(macro, rule, state);
    return {
      ...rule,
      links,
      message: fill(rule.message),
      logData: fill(rule.logData),
      tags: rule.tags.map(fill),
    };
  }
}

/** A gate that cannot be trusted to leap is passed as well. */
function leapless(rule: Rule, before: State): State | null {
  return rule.skipAfter === null ? null : before;
}

/**
 * Whether nothing tells which value the link matched: logs name that of the last one. What it does, it
 * does once for each target that matches.
 */
function isForgotten(link: Link, rule: Rule, isLast: boolean): boolean {
  if (link.targets.length > 1 && hasEffects(link)) return false;
  return (isQuiet(rule) || !isLast) && !link.isCapturing && !readsMatch(rule);
}

/** Whether anything in the rule looks at what its links matched. */
function readsMatch(rule: Rule): boolean {
  const text = JSON.stringify(
    rule.links.map(({ setVariables, targets, operator }) => [
      setVariables,
      targets,
      operator.argument,
    ]),
  );
  return text.includes('"MATCHED_VAR') || text.includes('"RULE"');
}
