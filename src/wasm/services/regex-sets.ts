/**
 * Pattern sets of RE2. All patterns of a set are looked for in one pass over the text; where the automaton
 * of all of them together is too large, one after another.
 *
 * A module compiles its sets anew with every instance, so the last ones are kept by their patterns.
 */
import { createRequire } from 'node:module';
import type RE2Type from 're2';
import { describeError } from '#core/errors.ts';
import type { RegexSet } from '../host-services.ts';

export const patternsMax = 256;
/** Bound of RE2 on the automaton of a set, built as text asks for it. */
const automatonBytesMax = 8 * 1024 * 1024;
const setsKept = 64;

export class RegexSets {
  readonly #kept = new Map<string, RegexSet>();

  /** A set, or why there is none. */
  compile(patterns: readonly string[]): RegexSet | string {
    if (patterns.length === 0 || patterns.length > patternsMax)
      return `${patterns.length} patterns: a set has 1 to ${patternsMax}`;
    const key = patterns.join('\n');
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const compiled = compileSet(patterns);
    if (typeof compiled === 'string') return compiled;
    if (this.#kept.size >= setsKept) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    this.#kept.set(key, compiled);
    return compiled;
  }
}

/** `.` is a line feed too: what is looked at is bytes, not lines. */
const flags = 's';

type Re2 = typeof RE2Type;
let re2: Re2 | null = null;

function compileSet(patterns: readonly string[]): RegexSet | string {
  try {
    re2 ??= createRequire(import.meta.url)('re2') as Re2;
  } catch (error) {
    return `RE2 is not built on this machine (npm start builds it): ${describeError(error)}`;
  }
  for (const pattern of patterns) {
    try {
      new re2(pattern, flags);
    } catch (error) {
      return `pattern ${JSON.stringify(pattern)} is no RE2: ${describeError(error)}`;
    }
  }
  return together(re2, patterns) ?? oneByOne(re2, patterns);
}

function together(engine: Re2, patterns: readonly string[]): RegexSet | null {
  try {
    const set = new engine.Set(patterns, flags, { maxMem: automatonBytesMax });
    return { size: set.size, match: (text) => set.match(text) };
  } catch {
    // The only thing that can be wrong with a set whose patterns are right is its size.
    return null;
  }
}

function oneByOne(engine: Re2, patterns: readonly string[]): RegexSet {
  const compiled = patterns.map((pattern) => new engine(pattern, flags));
  return {
    size: compiled.length,
    match: (text) => compiled.flatMap((pattern, index) => (pattern.test(text) ? [index] : [])),
  };
}
