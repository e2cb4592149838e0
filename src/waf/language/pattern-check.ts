/**
 * Patterns are compiled before any request, so what is wrong with them is said when rules are loaded, at
 * the byte of the pattern where it stands: look-around and back-references, which no automaton runs in
 * linear time; macros that folding has found no value for; plain slips.
 */
import { parsePattern } from '#waf/match/pattern-parser.ts';
import { literalMacro, literalOf, macroText } from './macro.ts';
import { hasGroups, type RewrittenPattern, rewritePattern } from './pattern-rewrite.ts';
import type { LinkDraft, RuleDraft } from './rule-draft.ts';
import type { Link, Position, Rule } from './rule-set.ts';
import type { RefusedPart } from './target-list.ts';

const patternOperators: ReadonlySet<string> = new Set(['rx', 'verifyCC', 'verifySSN']);

export class PatternCheck {
  /** Most patterns of selectors are written many times. */
  readonly #problems = new Map<
    string,
    { readonly offset: number; readonly words: string } | null
  >();

  /** The rule, patterns rewritten that can be; each change is told to `say`. */
  rewritten(rule: Rule, say: (position: Position, message: string) => void): Rule {
    if (!rule.links.some((link) => this.#rewriteOf(link) !== null)) return rule;
    const links = rule.links.map((link) => {
      const rewrite = this.#rewriteOf(link);
      if (rewrite === null) return link;
      const same = 'it matches the same values';
      const close = 'it may match where the pattern as written gives up';
      const effect = rewrite.isExact ? same : close;
      say(
        link.operator.position,
        `the pattern of rule ${rule.id} is run rewritten: ${rewrite.what}; ${effect}`,
      );
      return { ...link, operator: { ...link.operator, argument: literalMacro(rewrite.source) } };
    });
    return { ...rule, links };
  }

  #rewriteOf({ operator, isCapturing }: Link): RewrittenPattern | null {
    const source = operator.name === 'rx' ? literalOf(operator.argument) : null;
    if (source === null || this.#problemOf(source) === null) return null;
    // TX.0 may get the bytes that were only looked at, which logs show; groups would get others.
    if (isCapturing && hasGroups(source)) return null;
    const rewrite = rewritePattern(source);
    return rewrite === null || this.#problemOf(rewrite.source) !== null ? null : rewrite;
  }

  refusals(rule: Rule, draft: RuleDraft): readonly RefusedPart[] {
    return rule.links.flatMap((link) => {
      const written = draft.links.find(({ position }) => position === link.position);
      return [...this.#ofTargets(link), ...this.#ofOperator(link, written)];
    });
  }

  #ofTargets(link: Link): RefusedPart[] {
    const taken = link.controls.flatMap((control) => ('target' in control ? control.target : []));
    return [...link.targets, ...taken].flatMap(({ selector, position }) => {
      if (selector.kind !== 'regex') return [];
      const problem = this.#problemOf(selector.source);
      return problem === null ? [] : [refusal(position, selector.source, problem.words)];
    });
  }

  #ofOperator({ operator }: Link, written: LinkDraft | undefined): RefusedPart[] {
    if (!patternOperators.has(operator.name)) return [];
    const source = literalOf(operator.argument);
    if (source === null) return [openPattern(operator)];
    const problem = this.#problemOf(source);
    if (problem === null) return [];
    // With a value filled in, offsets are no longer those of the file.
    const isAsWritten = written?.operator.argument === operator.argument;
    const position =
      isAsWritten && written !== undefined ? written.argumentAt(problem.offset) : operator.position;
    return [refusal(position, source, problem.words)];
  }

  #problemOf(source: string): { readonly offset: number; readonly words: string } | null {
    const known = this.#problems.get(source);
    if (known !== undefined) return known;
    const parsed = parsePattern(source);
    const problem = 'problem' in parsed ? parsed.problem : null;
    this.#problems.set(source, problem);
    return problem;
  }
}

function refusal(position: RefusedPart['position'], source: string, words: string): RefusedPart {
  const shown = source.length > 40 ? `${source.slice(0, 40)}…` : source;
  return {
    position,
    reason: `the pattern "${shown}" cannot be run: ${words}`,
    fix: fixes.find(([mark]) => mark.test(words))?.[1] ?? 'correct the pattern',
  };
}

/** By what is said of the pattern. */
const fixes: readonly (readonly [mark: RegExp, fix: string])[] = [
  [
    /not regular|back-reference|recursion|conditional/,
    'write it with alternatives, classes and repetitions alone, or split it into a chain',
  ],
  [/^a \( without/, 'close the group with ), or write \\( for a parenthesis'],
  [/^a \) without/, 'write \\) for a parenthesis'],
  [/^a class is not closed/, 'close it with ], or write \\[ for a bracket'],
  [/nothing to repeat/, 'write a backslash before it where the byte itself is meant'],
  [/^longer than|^more than/, 'split it over several rules, or list phrases with @pm'],
  [/needs Unicode/, 'write the bytes of UTF-8, as (?:\\xc3[\\x80-\\xbf])'],
];

/** One with a variable in it can be compiled if folding has found its value. */
function openPattern({ argument, position }: Link['operator']): RefusedPart {
  return {
    position,
    reason: `the pattern "${macroText(argument)}" is known only when a request is there`,
    fix: 'set its variable once, by SecAction before all rules, or use @streq, @contains or @within',
  };
}
