/** Whether a link matches whatever the request is, as far as known TX values decide it. */

import type { Removals } from './fold-removals.ts';
import { applyChange, knownOf, leadingNumber, type OpenNames, type State } from './fold-state.ts';
import type { Link, Macro, MacroPiece, Operator, Rule } from './rule-set.ts';
import type { TransformationName } from './transformation-names.ts';

export type Decision = {
  /** Null: it depends on the request. */
  readonly matches: boolean | null;
  /** What was known, for people: `tx.early_blocking is "0"`. */
  readonly why: string;
};

export class Decider {
  readonly #open: OpenNames;
  readonly #removals: Removals;

  constructor(open: OpenNames, removals: Removals) {
    this.#open = open;
    this.#removals = removals;
  }

  decide(link: Link, rule: Rule, state: State): Decision {
    const open: Decision = { matches: null, why: '' };
    if (link.targets.length === 0) return { matches: true, why: '' };
    const test = testOf(link.operator, this.textOf(link.operator.argument, rule, state));
    if (test === null || link.isMultiMatch) return open;
    let isOpen = false;
    const seen: string[] = [];
    for (const { variable, selector, isCount, isExcluded } of link.targets) {
      if (variable !== 'TX' || selector.kind !== 'name' || isExcluded) return open;
      const known = knownOf(state, this.#open, selector.name);
      if (known === null || !this.#removals.areSafe(known.setters, rule)) {
        isOpen = true;
        continue;
      }
      seen.push(`tx.${selector.name} is ${known.text === null ? 'not set' : `"${known.text}"`}`);
      const value = isCount ? (known.text === null ? '0' : '1') : known.text;
      if (value === null) continue;
      if (!link.transformations.every((name) => isIdentity(name, value))) return open;
      if (test(value)) return { matches: true, why: seen.at(-1) ?? '' };
    }
    return isOpen ? open : { matches: false, why: seen.join(', ') };
  }

  /** The text a macro comes to, or null. */
  textOf(macro: Macro, rule: Rule, state: State): string | null {
    let text = '';
    for (const piece of this.filled(macro, rule, state)) {
      if (piece.kind !== 'text') return null;
      text += piece.text;
    }
    return text;
  }

  /** The macro with what is known written into it. */
  filled(macro: Macro, rule: Rule, state: State): Macro {
    if (macro.every((piece) => piece.kind === 'text')) return macro;
    const pieces: MacroPiece[] = [];
    for (const piece of macro) {
      const text = this.#pieceText(piece, rule, state);
      const last = pieces.at(-1);
      if (text === null) pieces.push(piece);
      else if (last?.kind === 'text')
        pieces[pieces.length - 1] = { kind: 'text', text: last.text + text };
      else if (text !== '') pieces.push({ kind: 'text', text });
    }
    return pieces;
  }

  /** Runs what a link does when it matches, on `state`. */
  runEffects(link: Link, rule: Rule, state: State, isCertain: boolean): void {
    const isOnce = isCertain && link.targets.length <= 1;
    for (const change of link.setVariables) {
      applyChange(state, this.#open, change, rule, isOnce, (macro) =>
        this.textOf(macro, rule, state),
      );
    }
  }

  #pieceText(piece: MacroPiece, rule: Rule, state: State): string | null {
    if (piece.kind === 'text') return piece.text;
    if (piece.variable !== 'TX' || piece.name === null) return null;
    const known = knownOf(state, this.#open, piece.name);
    // What versions make of a variable that is not set differs.
    if (known === null || known.text === null) return null;
    return this.#removals.areSafe(known.setters, rule) ? known.text : null;
  }
}

function testOf(operator: Operator, argument: string | null): ((value: string) => boolean) | null {
  const plain = plainTest(operator.name, argument);
  if (plain === null) return null;
  return operator.isNegated ? (value) => !plain(value) : plain;
}

function plainTest(
  name: Operator['name'],
  argument: string | null,
): ((value: string) => boolean) | null {
  if (name === 'unconditionalMatch') return () => true;
  if (name === 'noMatch') return () => false;
  if (argument === null) return null;
  const number = leadingNumber(argument);
  switch (name) {
    case 'eq':
      return (value) => leadingNumber(value) === number;
    case 'ge':
      return (value) => leadingNumber(value) >= number;
    case 'gt':
      return (value) => leadingNumber(value) > number;
    case 'le':
      return (value) => leadingNumber(value) <= number;
    case 'lt':
      return (value) => leadingNumber(value) < number;
    case 'streq':
      return (value) => value === argument;
    // 3.3 asks whether a list is empty.
    case 'rx':
      return argument === '^$' ? (value) => value === '' : null;
    default:
      return null;
  }
}

/** Of the values that settings hold, numbers and plain words, hardly any transformation changes one. */
function isIdentity(name: TransformationName, value: string): boolean {
  if (/^[0-9]*$/.test(value)) return numberKeeping.has(name);
  return /^[a-z0-9_ ]*$/.test(value) && !/^ | $| {2}/.test(value) && name === 'lowercase';
}

const numberKeeping: ReadonlySet<TransformationName> = new Set<TransformationName>([
  ...([
    'cmdLine',
    'compressWhitespace',
    'cssDecode',
    'escapeSeqDecode',
    'htmlEntityDecode',
  ] as const),
  ...(['jsDecode', 'lowercase', 'normalizePath', 'normalizePathWin', 'removeComments'] as const),
  ...(['removeNulls', 'removeWhitespace', 'replaceComments', 'replaceNulls', 'trim'] as const),
  ...([
    'trimLeft',
    'trimRight',
    'uppercase',
    'urlDecode',
    'urlDecodeUni',
    'utf8toUnicode',
  ] as const),
]);
