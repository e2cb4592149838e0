/**
 * Patterns of `@rx` → syntax tree: the regular part of PCRE2's language, over bytes, with DOTALL and
 * DOLLAR_ENDONLY as ModSecurity 2 compiles them. What is not regular is refused by name, so a rule never
 * runs as something else than what its author wrote. `test/waf/match/pcre2.test.ts` holds it to PCRE2.
 *
 * The source is bytes: each character of the string is one (latin1).
 */
import { anyByte, notNewline, setOfByte, withBothCases } from './byte-set.ts';
import { readClass } from './pattern-class.ts';
import { readEscape } from './pattern-escape.ts';
import { PatternError, PatternReader } from './pattern-reader.ts';
import type { Pattern, PatternNode, PatternProblem } from './syntax-tree.ts';

/** Of one pattern's source. The longest of CRS 4.28 has 12,126. */
export const patternBytesMax = 65_536;
/** As PCRE2's default. */
export const patternNestingMax = 250;
/** In `{n,m}`: copies are made, and a thousand are enough to exclude what is too long. */
export const patternRepeatsMax = 1_000;

export function parsePattern(source: string): Pattern | { readonly problem: PatternProblem } {
  try {
    if (source.length > patternBytesMax)
      throw new PatternError(patternBytesMax, `longer than ${patternBytesMax} bytes`);
    return new PatternParser(source).parse();
  } catch (error) {
    if (error instanceof PatternError) return { problem: error.problem };
    throw error;
  }
}

type Flags = {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly x: boolean;
  readonly xx: boolean;
  /** Plain parentheses do not capture. */
  readonly n: boolean;
  /** Greedy and lazy change places. */
  readonly U: boolean;
};

const initialFlags: Flags = {
  i: false,
  m: false,
  s: true,
  x: false,
  xx: false,
  n: false,
  U: false,
};
/** What `(?^)` turns off. */
const plain = { i: false, m: false, s: false, x: false, xx: false, n: false } as const;

const plainBytes = Array.from({ length: 256 }, (_, byte) => setOfByte(byte));
const foldedBytes = plainBytes.map(withBothCases);
const empty: PatternNode = { kind: 'empty' };

/** What `(?` may begin that a finite automaton cannot do, or that means nothing to a rule. */
const refusedGroups: readonly (readonly [RegExp, string])[] = [
  [/=|\*(?:pla|positive_lookahead)/y, 'lookahead'],
  [/!/y, 'negative lookahead'],
  [/<[=!]/y, 'lookbehind'],
  [/>/y, 'an atomic group'],
  [/\(/y, 'a conditional group'],
  [/R|[+-]?[0-9]|&|P>/y, 'recursion, or a call of a group,'],
  [/P=/y, 'a back-reference'],
  [/C/y, 'a callout'],
  [/\|/y, 'a branch reset group'],
];

class PatternParser {
  readonly #reader: PatternReader;
  readonly #names = new Set<string>();
  #flags = initialFlags;
  #nesting = 0;

  constructor(source: string) {
    this.#reader = new PatternReader(source);
  }

  parse(): Pattern {
    const node = this.#choice();
    if (!this.#reader.isAtEnd) this.#reader.fail('a ) without its (');
    return { node, groupsTotal: this.#reader.groups };
  }

  /** Flags set inside hold up to its end, over later alternatives too. */
  #choice(): PatternNode {
    const flags = this.#flags;
    const nodes = [this.#sequence()];
    while (this.#reader.takeIf('|')) nodes.push(this.#sequence());
    this.#flags = flags;
    return nodes.length === 1 ? (nodes[0] ?? empty) : { kind: 'choice', nodes };
  }

  #sequence(): PatternNode {
    const reader = this.#reader;
    const nodes: PatternNode[] = [];
    for (;;) {
      this.#skipNothing();
      const next = reader.peek();
      if (reader.isAtEnd || (!reader.isQuoting && (next === '|' || next === ')'))) break;
      const offset = reader.at;
      const atom = this.#atom();
      if (atom === null) {
        this.#refuseQuantifier(offset);
        continue;
      }
      nodes.push(this.#quantified(atom));
    }
    return nodes.length === 1 ? (nodes[0] ?? empty) : { kind: 'sequence', nodes };
  }

  /** Null for what sets flags and stands for nothing. */
  #atom(): PatternNode | null {
    const reader = this.#reader;
    const offset = reader.at;
    const byte = reader.take();
    if (reader.isQuoting) return this.#literal(byte);
    switch (byte) {
      case '(':
        return this.#group(offset);
      case '[':
        return { kind: 'set', set: this.#class() };
      case '.':
        return { kind: 'set', set: this.#flags.s ? anyByte : notNewline };
      case '^':
        return { kind: 'assertion', assertion: this.#flags.m ? 'lineStart' : 'start' };
      case '$':
        return { kind: 'assertion', assertion: this.#flags.m ? 'lineEnd' : 'end' };
      case '\\': {
        const escaped = readEscape(reader, false);
        if (escaped.kind !== 'byte') return escaped;
        return this.#literal(String.fromCharCode(escaped.byte));
      }
      case '*':
      case '+':
      case '?':
        return reader.fail(`a ${byte} has nothing to repeat`, offset);
      default:
        if (byte === '{' && readsAsQuantifier(reader, offset))
          return reader.fail('a { has nothing to repeat', offset);
        return this.#literal(byte);
    }
  }

  #literal(byte: string): PatternNode {
    const sets = this.#flags.i ? foldedBytes : plainBytes;
    return { kind: 'set', set: sets[byte.charCodeAt(0) & 255] ?? anyByte };
  }

  #class(): ReturnType<typeof readClass> {
    return readClass(this.#reader, {
      ignoreCase: this.#flags.i,
      isExtendedMore: this.#flags.xx,
    });
  }

  #group(offset: number): PatternNode | null {
    const reader = this.#reader;
    if (reader.peek() === '*') reader.fail('(*…) is not supported', offset);
    if (!reader.takeIf('?')) return this.#flags.n ? this.#inner(offset) : this.#capturing(offset);
    for (const [expression, name] of refusedGroups)
      if (reader.takeMatch(expression) !== null)
        reader.fail(`${name} is not regular, and every match here takes linear time`, offset);
    const name = reader.takeMatch(/P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)'/y);
    if (name !== null) {
      const text = name[1] ?? name[2] ?? '';
      if (this.#names.has(text)) reader.fail(`two groups are named ${text}`, offset);
      this.#names.add(text);
      return this.#capturing(offset);
    }
    const flags = reader.takeMatch(/(\^?)([imsxnU]*)(?:-([imsxnU]*))?([:)])/y);
    if (flags === null) return reader.fail('no kind of group that is known', offset);
    const [, caret = '', on = '', off, close = ''] = flags;
    if (caret === '^' && off !== undefined) reader.fail('(?^ takes no hyphen', offset);
    const outer = this.#flags;
    this.#flags = changed(caret === '^' ? { ...outer, ...plain } : outer, on, off ?? '');
    if (close === ')') return null;
    const node = this.#inner(offset);
    this.#flags = outer;
    return node;
  }

  #capturing(offset: number): PatternNode {
    const number = ++this.#reader.groups;
    return { kind: 'group', number, node: this.#inner(offset) };
  }

  #inner(offset: number): PatternNode {
    if (++this.#nesting > patternNestingMax)
      this.#reader.fail(`groups lie deeper than ${patternNestingMax}`, offset);
    const node = this.#choice();
    this.#nesting--;
    if (!this.#reader.takeIf(')')) this.#reader.fail('a ( without its )', offset);
    // A group can be repeated whatever is in it, a bare assertion cannot.
    return node.kind === 'assertion' ? { kind: 'sequence', nodes: [node] } : node;
  }

  #quantified(atom: PatternNode): PatternNode {
    const reader = this.#reader;
    this.#skipNothing();
    if (reader.isQuoting) return atom;
    const offset = reader.at;
    const counts = this.#counts();
    if (counts === null) return atom;
    if (atom.kind === 'assertion') reader.fail('an assertion cannot be repeated', offset);
    // `a{2} +` under (?x) is `a{2}+`, and `a{2}(?#c)+` is always.
    this.#skipNothing();
    if (!reader.isQuoting && reader.peek() === '+')
      reader.fail('a possessive quantifier is not regular; take its + out', reader.at);
    const isLazy = (!reader.isQuoting && reader.takeIf('?')) !== this.#flags.U;
    this.#refuseQuantifier(reader.at);
    return { kind: 'repeat', node: atom, ...counts, isLazy };
  }

  /** `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`; null where none stands here. */
  #counts(): { readonly min: number; readonly max: number | null } | null {
    const reader = this.#reader;
    const offset = reader.at;
    if (reader.takeIf('*')) return { min: 0, max: null };
    if (reader.takeIf('+')) return { min: 1, max: null };
    if (reader.takeIf('?')) return { min: 0, max: 1 };
    const found = reader.takeMatch(/\{([0-9]+)(?:(,)([0-9]*))?\}/y);
    if (found === null) return null;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === '' ? null : Number(found[3]);
    if (max !== null && max < min) reader.fail('{n,m} with n over m', offset);
    if (Math.max(min, max ?? 0) > patternRepeatsMax)
      reader.fail(`more than ${patternRepeatsMax} repeats`, offset);
    return { min, max };
  }

  /** Where a quantifier stands behind something that takes none. */
  #refuseQuantifier(offset: number): void {
    const reader = this.#reader;
    this.#skipNothing();
    if (reader.isQuoting) return;
    if (/[*+?]/.test(reader.peek()) || readsAsQuantifier(reader, reader.at))
      reader.fail('a quantifier has nothing to repeat', offset);
  }

  /** Comments, `\Q` and `\E`, and under `(?x)` white space: they stand for nothing. */
  #skipNothing(): void {
    const reader = this.#reader;
    for (;;) {
      if (reader.isQuoting) {
        if (!reader.takeIf('\\E')) return;
        reader.isQuoting = false;
      } else if (reader.takeIf('\\E')) {
        // Without its \Q: ignored.
      } else if (reader.takeIf('\\Q')) {
        reader.isQuoting = true;
      } else if (reader.peek() === '(' && reader.peek(1) === '?' && reader.peek(2) === '#') {
        if (reader.takeMatch(/\(\?#[^)]*\)/y) === null) reader.fail('a comment is not closed');
      } else if (!this.#flags.x || reader.takeMatch(/[\t-\r ]+|#[^\n]*(?:\n|$)/y) === null) {
        return;
      }
    }
  }
}

function readsAsQuantifier(reader: PatternReader, at: number): boolean {
  return /^\{[0-9]+(?:,[0-9]*)?\}/.test(reader.source.slice(at, at + 24));
}

function changed(flags: Flags, on: string, off: string): Flags {
  const next = { ...flags };
  for (const [letters, value] of [
    [on, true],
    [off, false],
  ] as const)
    for (const letter of letters) {
      if (letter === 'x') next.xx = value && letters.includes('xx');
      if (letter === 'i' || letter === 'm' || letter === 's' || letter === 'x')
        next[letter] = value;
      if (letter === 'n' || letter === 'U') next[letter] = value;
    }
  return next;
}
