/** What the parser takes, and what it refuses by name and place. That it reads as PCRE2 does: `pcre2.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePattern } from '#waf/match/compile-pattern.ts';
import {
  parsePattern,
  patternBytesMax,
  patternNestingMax,
  patternRepeatsMax,
} from '#waf/match/pattern-parser.ts';

const refused: readonly (readonly [source: string, offset: number, words: RegExp])[] = [
  ['a(?=b)', 1, /^lookahead is not regular/],
  ['a(?!b)', 1, /^negative lookahead/],
  ['(?<=a)b', 0, /^lookbehind/],
  ['(?<!a)b', 0, /^lookbehind/],
  ['x(?>ab)', 1, /^an atomic group/],
  ['a++', 2, /^a possessive quantifier/],
  ['(?x)a{2} +', 9, /^a possessive quantifier/],
  ['(?x)a{2} #c\n+', 12, /^a possessive quantifier/],
  ['a{2}(?#c)+', 9, /^a possessive quantifier/],
  ['a{2}\\E+', 6, /^a possessive quantifier/],
  ['(?x)a* *', 7, /nothing to repeat/],
  ['(a)\\1', 3, /^\\1 is a back-reference/],
  ['(?<n>a)\\k<n>', 7, /^\\k is a back-reference/],
  ['(?P=n)', 0, /^a back-reference/],
  ['(?(1)a|b)', 0, /^a conditional group/],
  ['(a(?R)?)', 2, /^recursion/],
  ['(?1)', 0, /^recursion/],
  ['(?|a|b)', 0, /^a branch reset/],
  ['(?C1)', 0, /^a callout/],
  ['(*UTF)a', 0, /^\(\*…\) is not supported/],
  ['\\p{L}', 0, /^\\p needs Unicode/],
  ['a\\Kb', 1, /^\\K/],
  ['a\\Z', 1, /^\\Z is not supported; write/],
  ['\\N{', 0, /^\\N with a name/],
  ['\\N{3', 0, /^\\N with a name/],
  ['[\\N]', 1, /^\\N with a name/],
  ['\\R', 0, /^\\R is an atomic group/],
  ['\\x{100}', 0, /is no byte/],
  ['[b-a]', 1, /range ends before/],
  ['[\\d-z]', 1, /range cannot begin with a set/],
  ['[[:alhpa:]]', 1, /is no POSIX class/],
  ['[abc', 0, /class is not closed/],
  ['(a', 0, /a \( without its \)/],
  ['a)', 1, /a \) without its \(/],
  ['*a', 0, /nothing to repeat/],
  ['a\\', 1, /a backslash ends/],
  [`a{1,${patternRepeatsMax + 1}}`, 1, /more than 1000 repeats/],
  ['('.repeat(patternNestingMax + 1), patternNestingMax, /deeper than 250/],
  ['a'.repeat(patternBytesMax + 1), patternBytesMax, /longer than 65536 bytes/],
];

test('what is not regular or not PCRE2 is refused by name, at its place', () => {
  for (const [source, offset, words] of refused) {
    const answer = parsePattern(source);
    assert.ok('problem' in answer, `/${source.slice(0, 40)}/ is taken`);
    assert.match(answer.problem.words, words);
    assert.equal(answer.problem.offset, offset, answer.problem.words);
  }
});

test('what lies at the bounds is taken', () => {
  const sources = [
    `a{1,${patternRepeatsMax}}`,
    '('.repeat(patternNestingMax) + ')'.repeat(patternNestingMax),
    'a'.repeat(patternBytesMax),
  ];
  for (const source of sources) assert.ok('node' in parsePattern(source));
});

test('repeats of repeats that make too large an automaton are refused, and quickly', () => {
  for (const source of [
    '(?:(?:a{1000}){1000}){1000}',
    '(?:[ab]{500}c){500}',
    '((((a{99}){99}){99}){99})',
  ]) {
    const pattern = parsePattern(source);
    assert.ok('node' in pattern);
    const answer = compilePattern(pattern);
    assert.ok('problem' in answer);
    assert.match(answer.problem.words, /too large/);
  }
});
