/**
 * A pattern → what the guest runs, and what the prefilter may ask for.
 *
 * ```
 * source → syntax tree → position automaton ─► smallest DFA, where it stays small  ─► blob
 *                │                          └► lazy program                        ─► blob
 *                ├► required literals                   automaton → kinds, length, first byte
 *                ├► what strings without rare bytes need
 *                └► program for captures, on demand
 * ```
 */
import { type AutomatonTables, tablesOf } from './automaton-tables.ts';
import { buildCaptures, encodeCaptures } from './capture-program.ts';
import { determinise } from './determinise.ts';
import { kindForm } from './kind-forms.ts';
import { kindMasks } from './kind-masks.ts';
import { dfaTableBytesMax, lazyItemsMax } from './limits.ts';
import { requiredLiterals } from './literals.ts';
import { minimise } from './minimise.ts';
import {
  dfaTableBytes,
  encodeConstant,
  encodeDfa,
  encodeLazy,
  encodeLiteral,
} from './pattern-encoding.ts';
import { plainLiteralOf } from './plain-literal.ts';
import { type SplitRequirement, splitRequirement } from './plain-strings.ts';
import { AutomatonTooLarge, buildAutomaton, matchList } from './position-automaton.ts';
import { noRequirement, type Requirement } from './requirement.ts';
import { firstBytesOf, shortestMatch } from './shortest-match.ts';
import type { Pattern, PatternProblem } from './syntax-tree.ts';

export type CompiledPattern = {
  readonly kind: 'constant' | 'literal' | 'dfa' | 'lazy';
  /** For `matchPattern` of the guest. */
  readonly bytes: Uint8Array;
  readonly requirement: Requirement;
  /** Says more, for two entries of a scan; null where one says as much. */
  readonly split: SplitRequirement | null;
  readonly stats: PatternStats;
};

export type PatternStats = {
  readonly items: number;
  /** Of the smallest DFA; null for what has none. */
  readonly states: number | null;
  readonly classes: number;
};

export type CompileOptions = {
  /** For tests: lazily although a DFA would be small. */
  readonly alwaysLazy?: boolean;
};

export function compilePattern(
  pattern: Pattern,
  options: CompileOptions = {},
): CompiledPattern | { readonly problem: PatternProblem } {
  try {
    const tables = tablesOf(buildAutomaton(pattern.node));
    return compileTables(pattern, tables, options);
  } catch (error) {
    if (error instanceof AutomatonTooLarge) return tooLarge();
    throw error;
  }
}

/** The program for `capturePattern`. */
export function compileCaptures(
  pattern: Pattern,
): Uint8Array | { readonly problem: PatternProblem } {
  try {
    return encodeCaptures(buildCaptures(pattern));
  } catch (error) {
    if (error instanceof AutomatonTooLarge) return tooLarge();
    throw error;
  }
}

function tooLarge(): { readonly problem: PatternProblem } {
  return { problem: { offset: 0, words: 'the pattern is too large; lower its repeats' } };
}

function compileTables(
  pattern: Pattern,
  tables: AutomatonTables,
  options: CompileOptions,
): CompiledPattern | { readonly problem: PatternProblem } {
  const stats: PatternStats = { items: tables.items, states: null, classes: tables.classes };
  const lengthMin = shortestMatch(tables);
  if (tables.startList === matchList || lengthMin === null) {
    const bytes = encodeConstant(lengthMin !== null);
    return { kind: 'constant', bytes, requirement: noRequirement, split: null, stats };
  }
  const literals = requiredLiterals(pattern.node);
  const masks = kindMasks(tables);
  const requirement: Requirement = {
    ...masks,
    literals,
    // Where a literal decides, asking for more costs more than it saves.
    form: literals === null ? kindForm(pattern.node, masks) : null,
    lengthMin,
    firstBytes: firstBytesOf(tables),
  };
  const common = { requirement, split: splitRequirement(pattern.node, requirement) };
  if (options.alwaysLazy !== true) {
    const literal = plainLiteralOf(pattern.node);
    if (literal !== null)
      return { kind: 'literal', bytes: encodeLiteral(literal), ...common, stats };
    const dfa = determinise(tables);
    const smallest = dfa === null ? null : minimise(dfa);
    if (smallest !== null && dfaTableBytes(smallest) <= dfaTableBytesMax)
      return {
        kind: 'dfa',
        bytes: encodeDfa(smallest),
        ...common,
        stats: { ...stats, states: smallest.states, classes: smallest.classes },
      };
  }
  if (tables.items > lazyItemsMax) return tooLarge();
  return { kind: 'lazy', bytes: encodeLazy(tables), ...common, stats };
}
