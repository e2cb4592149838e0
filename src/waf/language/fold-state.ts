/**
 * What is known of TX variables at a point of the rules: the values that hold there on every path.
 *
 * A value remembers the rules that set it, because a rule can be switched off while a request runs
 * (`ctl:ruleRemoveById`), and then its value was never set (`fold-removals.ts`).
 */

import type { Macro, Rule, SetVariable } from './rule-set.ts';
import { thresholdNames } from './threshold-names.ts';

export type Known = {
  /** Null: not set. */
  readonly text: string | null;
  readonly setters: ReadonlySet<Rule>;
};

const unset: Known = { text: null, setters: new Set() };
/** A name that is in the map with null holds something that depends on the request. */
export type State = Map<string, Known | null>;

/** Names that requests write: captures, flags of the engine, thresholds of the route, and names made from macros. */
export class OpenNames {
  readonly #shapes: { readonly prefix: string; readonly suffix: string }[] = [];

  constructor(rules: readonly Rule[]) {
    for (const rule of rules) {
      for (const link of rule.links) {
        for (const { collection, name } of link.setVariables) {
          if (collection === 'tx' && literalName(name) === null) this.#shapes.push(shapeOf(name));
        }
      }
    }
  }

  has(name: string): boolean {
    if (/^[0-9]+$/.test(name) || name.startsWith('msc_') || isThreshold(name)) return true;
    return this.#shapes.some(
      ({ prefix, suffix }) => name.startsWith(prefix) && name.endsWith(suffix),
    );
  }
}

const isThreshold = (name: string): boolean =>
  name === thresholdNames.inbound || name === thresholdNames.outbound;

/** Null where the value depends on the request. */
export function knownOf(state: State, open: OpenNames, name: string): Known | null {
  if (open.has(name)) return null;
  const known = state.get(name);
  return known === undefined ? unset : known;
}

/** What holds on both ways; null stands for a way that nobody goes. */
export function joined(one: State | null, other: State | null): State | null {
  if (one === null || one === other) return other;
  if (other === null) return one;
  const state: State = new Map();
  for (const name of new Set([...one.keys(), ...other.keys()])) {
    state.set(name, common(one.get(name), other.get(name)));
  }
  return state;
}

function common(one: Known | null | undefined, other: Known | null | undefined): Known | null {
  if (one === null || other === null) return null;
  const first = one ?? unset;
  const second = other ?? unset;
  if (first === second) return first;
  if (first.text !== second.text) return null;
  return { text: first.text, setters: first.setters.union(second.setters) };
}

/** Changes `state` as the action does. `isOnce`: it runs exactly once when its link matches. */
export function applyChange(
  state: State,
  open: OpenNames,
  change: SetVariable,
  rule: Rule,
  isOnce: boolean,
  textOf: (macro: Macro) => string | null,
): void {
  if (change.collection !== 'tx') return;
  const name = literalName(change.name);
  if (name === null || open.has(name)) return;
  const setters = new Set([rule]);
  if (change.change === 'unset') {
    state.set(name, { text: null, setters });
    return;
  }
  const value = textOf(change.value);
  if (value === null) {
    state.set(name, null);
  } else if (change.change === 'set') {
    state.set(name, { text: value, setters });
  } else {
    const before = knownOf(state, open, name);
    const sign = change.change === 'add' ? 1 : -1;
    const sum =
      before === null ? -1 : leadingNumber(before.text ?? '0') + sign * leadingNumber(value);
    // Below zero the versions of ModSecurity differ.
    const isKnown = before !== null && isOnce && sum >= 0;
    state.set(name, isKnown ? { text: String(sum), setters: setters.union(before.setters) } : null);
  }
}

/** As C's `atoi`: what is no number is 0. */
export function leadingNumber(text: string): number {
  const digits = /^[\s]*([+-]?[0-9]{1,15})/.exec(text)?.[1];
  return digits === undefined ? 0 : Number(digits);
}

export function literalName(macro: Macro): string | null {
  const [piece, more] = macro;
  return more === undefined && piece?.kind === 'text' ? piece.text : null;
}

function shapeOf(name: Macro): { prefix: string; suffix: string } {
  const first = name[0];
  const last = name.at(-1);
  return {
    prefix: first?.kind === 'text' ? first.text : '',
    suffix: last?.kind === 'text' ? last.text : '',
  };
}
