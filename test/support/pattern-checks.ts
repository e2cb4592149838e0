/** A pattern in every form it can take, all asked about the same subjects. */
import assert from 'node:assert/strict';
import { tablesOf } from '#waf/match/automaton-tables.ts';
import { kindsIn } from '#waf/match/byte-kinds.ts';
import {
  type CompiledPattern,
  compileCaptures,
  compilePattern,
} from '#waf/match/compile-pattern.ts';
import { parsePattern } from '#waf/match/pattern-parser.ts';
import { buildAutomaton, type PositionAutomaton } from '#waf/match/position-automaton.ts';
import { meetsRequirement } from '#waf/match/requirement.ts';
import { compileScanSet } from '#waf/match/scan-set.ts';
import type { Pattern } from '#waf/match/syntax-tree.ts';
import { automatonMatches } from './automaton-run.ts';
import type { MatchGuest } from './match-guest.ts';
import type { Pcre2Pattern } from './pcre2.ts';

export type PatternForms = {
  readonly source: string;
  readonly pattern: Pattern;
  readonly automaton: PositionAutomaton;
  readonly compiled: CompiledPattern;
  readonly best: number;
  readonly lazy: number;
  readonly captures: number;
  readonly scanSet: number;
  /** Its requirement split, where it is; else the same. */
  readonly splitSet: number;
};

/** A word: why it is refused. */
export function formsOf(guest: MatchGuest, source: string): PatternForms | string {
  const pattern = parsePattern(source);
  if ('problem' in pattern) return pattern.problem.words;
  const compiled = compilePattern(pattern);
  if ('problem' in compiled) return compiled.problem.words;
  const lazy = compilePattern(pattern, { alwaysLazy: true });
  const captures = compileCaptures(pattern);
  if ('problem' in lazy || 'problem' in captures) return 'too large';
  const automaton = buildAutomaton(pattern.node);
  const { requirement, split } = compiled;
  tablesOf(automaton);
  return {
    source,
    pattern,
    automaton,
    compiled,
    best: guest.load(compiled.bytes),
    lazy: guest.load(lazy.bytes),
    captures: guest.load(captures),
    scanSet: guest.load(compileScanSet([requirement])),
    splitSet: guest.load(
      compileScanSet(split === null ? [requirement] : [split.rare, split.plain]),
    ),
  };
}

/** What does not fit together on one subject; an empty list where all agree. */
export function disagreements(
  guest: MatchGuest,
  forms: PatternForms,
  subject: Uint8Array,
  judge: Pcre2Pattern | null,
): readonly string[] {
  const found = judge?.match(subject) ?? null;
  if (found === 'gave up') return [];
  const own = automatonMatches(forms.automaton, subject);
  const expected = judge === null ? own : found !== null;
  const wrong: string[] = [];
  const check = (name: string, actual: unknown): void => {
    const wanted = JSON.stringify(name === 'captures' ? groupsOf(found, forms) : expected);
    if (JSON.stringify(actual) !== wanted)
      wrong.push(`${name} says ${JSON.stringify(actual)} and not ${wanted}`);
  };
  check('the automaton', own);
  check(forms.compiled.kind, guest.match(forms.best, subject) === 1);
  check('the lazy table', guest.match(forms.lazy, subject) === 1);
  const captures = guest.captures(forms.captures, subject);
  // What short subjects are left to, and what long ones are, say the same.
  assert.deepEqual(guest.captures(forms.captures, subject, 'captureByThreads'), captures);
  if (judge === null) check('the capture program', captures !== null);
  else check('captures', captures?.slice(0, groupsTotal(forms)) ?? null);
  const { kinds, bits } = guest.scan(forms.scanSet, subject);
  if (expected && bits !== 1n) wrong.push('the prefilter hides a match');
  if (expected && guest.scan(forms.splitSet, subject).bits === 0n)
    wrong.push('both halves of the prefilter hide a match');
  if (kinds !== kindsIn(subject)) wrong.push('the guest counts other kinds');
  if (bits === 1n && !meetsRequirement(forms.compiled.requirement, kinds, subject))
    wrong.push('the prefilter passes what its masks exclude');
  return wrong.map(
    (words) =>
      `/${forms.source}/ on ${JSON.stringify(Buffer.from(subject).toString('latin1'))}: ${words}`,
  );
}

function groupsTotal({ pattern }: PatternForms): number {
  return Math.min(pattern.groupsTotal + 1, 10);
}

function groupsOf(
  found: readonly (readonly [number, number] | null)[] | null,
  forms: PatternForms,
): unknown {
  if (found === null) return null;
  return Array.from({ length: groupsTotal(forms) }, (_, group) => found[group] ?? null);
}
