/**
 * Required literals: strings of which each match holds at least one.
 *
 * For every part of a pattern four facts are worked out from below: all that it can match (`exact`), how its
 * matches begin and end, and the best set of strings that its matches must hold. Joining two parts joins the
 * end of one with the beginning of the other, so `sel(?:ect)?\s+fr` is known to hold `sel`, and `[xy]=on` one of
 * `x=on`, `y=on`. Sets are kept small; which is best is a question of how rare they are in ordinary text.
 *
 * Case is dropped here: the scan compares letters without it, which only ever finds too much.
 */
import { literalFrequency } from './literal-frequency.ts';
import type { PatternNode } from './syntax-tree.ts';

/** Strings in one set. */
export const literalsMax = 512;
/** Of one literal of a pattern: the scan compares them as one word. */
const literalBytesMax = 8;
/** Of one of a phrase, which is compared as two: what is left of a sentence in eight bytes stands in others too. */
const phraseBytesMax = 16;
const joinedMax = 256;
const bytesInClassMax = 16;
/** A set that is met more often than at one place in a hundred is of no use. */
const frequencyMax = 0.01;

type Strings = ReadonlySet<string>;

type Facts = {
  /** Null: too many, or without end. */
  readonly exact: Strings | null;
  readonly prefixes: Strings;
  readonly suffixes: Strings;
  readonly best: Strings | null;
};

const onlyEmpty: Strings = new Set(['']);
const nothing: Facts = {
  exact: onlyEmpty,
  prefixes: onlyEmpty,
  suffixes: onlyEmpty,
  best: null,
};
const anything: Facts = { ...nothing, exact: null };

/** Null: there is no useful set. */
export function requiredLiterals(node: PatternNode): readonly string[] | null {
  const best = bestOf(factsOf(node));
  if (best === null) return null;
  const windows = withoutLonger([...best].map((literal) => rarestWindow(literal, literalBytesMax)));
  return isUseful(windows) ? windows : null;
}

/** The same for a set of phrases, each of which is a match; null where one is too short to look for. */
export function phraseLiterals(phrases: readonly string[]): readonly string[] | null {
  const windows = withoutLonger(
    phrases.map((phrase) => rarestWindow(phrase.toLowerCase(), phraseBytesMax)),
  );
  return windows.some((window) => window.length < 2) ? null : windows;
}

function isUseful(literals: readonly string[]): boolean {
  return (
    literals.length <= literalsMax &&
    literals.every((literal) => literal.length >= 2) &&
    cost(new Set(literals)) <= frequencyMax
  );
}

function cost(strings: Strings): number {
  let sum = 0;
  for (const string of strings) sum += literalFrequency(string);
  return sum;
}

/** The best of what is known of a part. */
function bestOf({ exact, prefixes, suffixes, best }: Facts): Strings | null {
  return better(better(exact, best), better(prefixes, suffixes));
}

function better(a: Strings | null, b: Strings | null): Strings | null {
  const usableA = a !== null && a.size > 0 && !a.has('');
  const usableB = b !== null && b.size > 0 && !b.has('');
  if (!usableA) return usableB ? b : null;
  return usableB && cost(b) < cost(a) ? b : a;
}

function factsOf(node: PatternNode): Facts {
  switch (node.kind) {
    case 'empty':
    case 'assertion':
      return nothing;
    case 'set':
      return factsOfSet(node.set);
    case 'group':
      return factsOf(node.node);
    case 'sequence':
      return node.nodes.reduce<Facts>((facts, part) => joined(facts, factsOf(part)), nothing);
    case 'choice':
      return node.nodes.map(factsOf).reduce(either);
    case 'repeat':
      return factsOfRepeat(node.node, node.min, node.max);
  }
}

function factsOfSet(set: Uint8Array): Facts {
  const strings = new Set<string>();
  for (let byte = 0; byte < 256; byte++) {
    if (set[byte] !== 1) continue;
    strings.add(String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));
    if (strings.size > bytesInClassMax) return anything;
  }
  return { exact: strings, prefixes: strings, suffixes: strings, best: null };
}

function factsOfRepeat(node: PatternNode, min: number, max: number | null): Facts {
  const facts = factsOf(node);
  if (min === 0) {
    if (max !== 1 || facts.exact === null) return anything;
    const exact = new Set([...facts.exact, '']);
    return { exact, prefixes: onlyEmpty, suffixes: onlyEmpty, best: null };
  }
  let whole = facts;
  for (let i = 1; i < min && i <= literalBytesMax; i++) whole = joined(whole, facts);
  if (max === min && min <= literalBytesMax) return whole;
  return { exact: null, prefixes: whole.prefixes, suffixes: whole.suffixes, best: bestOf(whole) };
}

function joined(a: Facts, b: Facts): Facts {
  const exact = a.exact !== null && b.exact !== null ? product(a.exact, b.exact) : null;
  const prefixes = a.exact === null ? a.prefixes : (product(a.exact, b.prefixes) ?? a.exact);
  const suffixes = b.exact === null ? b.suffixes : (product(a.suffixes, b.exact) ?? b.exact);
  const middle = product(a.suffixes, b.prefixes) ?? better(a.suffixes, b.prefixes);
  const best = better(better(a.best, b.best), exact === null ? middle : null);
  return {
    exact,
    prefixes: shortened(prefixes, 'front'),
    suffixes: shortened(suffixes, 'back'),
    best: exact === null ? better(best, better(a.exact, b.exact)) : best,
  };
}

function either(a: Facts, b: Facts): Facts {
  const exact = a.exact !== null && b.exact !== null ? union(a.exact, b.exact) : null;
  const bestA = bestOf(a);
  const bestB = bestOf(b);
  return {
    exact,
    prefixes: union(a.prefixes, b.prefixes) ?? onlyEmpty,
    suffixes: union(a.suffixes, b.suffixes) ?? onlyEmpty,
    best: exact === null && bestA !== null && bestB !== null ? union(bestA, bestB) : null,
  };
}

function union(a: Strings, b: Strings): Strings | null {
  const all = new Set([...a, ...b]);
  return all.size > literalsMax * 4 ? null : all;
}

/** Each with each; null where that gets too many. */
function product(a: Strings, b: Strings): Strings | null {
  if (a.size * b.size > joinedMax && a.size > 1 && b.size > 1) return null;
  const all = new Set<string>();
  for (const left of a) for (const right of b) all.add(left + right);
  return all;
}

/** Only as much as a literal may hold. */
function shortened(strings: Strings, kept: 'front' | 'back'): Strings {
  const bytes = literalBytesMax + 2;
  let isShort = true;
  for (const string of strings) if (string.length > bytes) isShort = false;
  if (isShort) return strings;
  return new Set(
    [...strings].map((string) =>
      kept === 'front' ? string.slice(0, bytes) : string.slice(-bytes),
    ),
  );
}

function rarestWindow(literal: string, bytesMax: number): string {
  let rarest = literal.slice(0, bytesMax);
  for (let at = 1; at + bytesMax <= literal.length; at++) {
    const window = literal.slice(at, at + bytesMax);
    if (literalFrequency(window) < literalFrequency(rarest)) rarest = window;
  }
  return rarest;
}

/** A literal that holds another of the set is found with it. */
function withoutLonger(literals: readonly string[]): readonly string[] {
  const all = new Set(literals);
  return [...all].filter((literal) => {
    for (let from = 0; from < literal.length; from++)
      for (let to = from + 1; to <= literal.length; to++)
        if (to - from < literal.length && all.has(literal.slice(from, to))) return false;
    return true;
  });
}
