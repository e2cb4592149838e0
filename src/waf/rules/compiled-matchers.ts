/** The matchers of a rule image, made by the automata compiler (`src/waf/match/`); each distinct one once. */
import {
  type CompiledPattern,
  compileCaptures,
  compilePattern,
} from '#waf/match/compile-pattern.ts';
import type { PatternCache } from '#waf/match/pattern-cache.ts';
import { parsePattern } from '#waf/match/pattern-parser.ts';
import { type CompiledPhraseSet, compilePhraseSet } from '#waf/match/phrase-set.ts';
import type { Requirement } from '#waf/match/requirement.ts';
import { coverOf, noRequirement } from '#waf/match/requirement.ts';
import { compileScanSet } from '#waf/match/scan-set.ts';
import type { PatternProblem } from '#waf/match/syntax-tree.ts';
import type { Compiled, Matchers, ScanMember } from './matchers.ts';

type Problem = { readonly problem: string };

export class CompiledMatchers implements Matchers {
  readonly #patterns = new Map<string, CompiledPattern | Problem>();
  readonly #captures = new Map<string, Uint8Array>();
  readonly #phrases = new Map<string, CompiledPhraseSet>();
  readonly #cache: PatternCache | null;

  /** With a cache, a pattern that any rule set had before is not compiled again. */
  constructor(cache: PatternCache | null = null) {
    this.#cache = cache;
  }

  pattern(source: string): Compiled | Problem {
    const compiled = this.#compiled(source);
    if ('problem' in compiled) return compiled;
    const { kind, bytes, stats } = compiled;
    return { kind, bytes, stateCount: stats.states ?? 0 };
  }

  captures(source: string): Uint8Array {
    const known = this.#captures.get(source);
    if (known !== undefined) return known;
    const parsed = parsePattern(source);
    const program = 'problem' in parsed ? parsed : compileCaptures(parsed);
    if ('problem' in program) throw new RangeError(words(program.problem));
    this.#captures.set(source, program);
    return program;
  }

  phraseSet(phrases: readonly string[]): Uint8Array {
    return this.#phraseSet(phrases).bytes;
  }

  bytesMin(member: ScanMember): number {
    return this.#requirement(member).lengthMin;
  }

  cover(member: ScanMember): bigint {
    return coverOf(this.#requirement(member));
  }

  parts(member: ScanMember): readonly ScanMember[] {
    if (member.kind === 'phrases') return [member];
    const compiled = this.#compiled(member.source);
    if ('problem' in compiled || compiled.split === null) return [member];
    return [
      { ...member, strings: 'rare' },
      { ...member, strings: 'plain' },
    ];
  }

  scanSet(members: readonly ScanMember[]): Uint8Array {
    return compileScanSet(members.map((member) => this.#requirement(member)));
  }

  #requirement(member: ScanMember): Requirement {
    if (member.kind === 'phrases') return this.#phraseSet(member.phrases).requirement;
    const compiled = this.#compiled(member.source);
    if ('problem' in compiled) return noRequirement;
    const { strings } = member;
    return strings === undefined
      ? compiled.requirement
      : (compiled.split?.[strings] ?? compiled.requirement);
  }

  #compiled(source: string): CompiledPattern | Problem {
    const known = this.#patterns.get(source);
    if (known !== undefined) return known;
    const compiled = this.#cache?.read(source) ?? this.#compile(source);
    const answer = 'problem' in compiled ? { problem: words(compiled.problem) } : compiled;
    this.#patterns.set(source, answer);
    return answer;
  }

  #compile(source: string): CompiledPattern | { readonly problem: PatternProblem } {
    const parsed = parsePattern(source);
    if ('problem' in parsed) return parsed;
    const compiled = compilePattern(parsed);
    if (!('problem' in compiled)) this.#cache?.write(source, compiled);
    return compiled;
  }

  #phraseSet(phrases: readonly string[]): CompiledPhraseSet {
    const key = phrases.join('\n');
    const known = this.#phrases.get(key);
    if (known !== undefined) return known;
    const compiled = compilePhraseSet(phrases);
    this.#phrases.set(key, compiled);
    return compiled;
  }
}

const words = ({ offset, words: text }: PatternProblem): string =>
  `the pattern cannot be run: ${text} (at byte ${offset})`;
