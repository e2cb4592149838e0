/** Patterns that leave room for evasion everywhere still need their words in strings without the marks of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kindsIn } from '#waf/match/byte-kinds.ts';
import { type CompiledPattern, compilePattern } from '#waf/match/compile-pattern.ts';
import { parsePattern } from '#waf/match/pattern-parser.ts';
import { buildAutomaton } from '#waf/match/position-automaton.ts';
import { meetsRequirement, type Requirement } from '#waf/match/requirement.ts';
import { automatonMatches } from '../../support/automaton-run.ts';
import { randomOf } from '../../support/random.ts';

const evasive = `(?i)(?:^|;)\\s*w["'\\\\]*g["'\\\\]*e["'\\\\]*t\\b`;

describe('requirements of strings without rare bytes', () => {
  it('finds the word between marks that may stand anywhere in it', () => {
    const { requirement, split } = compiled(evasive);
    assert.equal(requirement.literals, null);
    assert.deepEqual(split?.plain.literals, ['wget']);
    assert.ok(!mayMatch(split.plain, 'What great weather'));
    assert.ok(!mayMatch(split.rare, 'What great weather'));
    assert.ok(mayMatch(split.plain, 'wget x'));
    assert.ok(mayMatch(split.rare, 'w"get x'));
  });

  it('is not made where there are literals, or none without the marks', () => {
    assert.equal(compiled('select.+from').split, null);
    assert.equal(compiled('["\']\\s*;').split, null);
    assert.equal(compiled('^[a-z]+$').split, null);
  });

  it('hides no match', () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    const random = randomOf(seed);
    const pattern = parsePattern(evasive);
    assert.ok(!('problem' in pattern));
    const automaton = buildAutomaton(pattern.node);
    const { split } = compiled(evasive);
    assert.ok(split !== null);
    const pieces = ['w', 'W', 'g', 'e', 't', 'get', 'wget', '"', '\\', ';', ' ', 'x'];
    let matched = 0;
    for (let i = 0; i < 20_000; i++) {
      const length = 1 + Math.floor(random() * 8);
      const subject = Array.from(
        { length },
        () => pieces[Math.floor(random() * pieces.length)],
      ).join('');
      if (!automatonMatches(automaton, Buffer.from(subject))) continue;
      matched++;
      assert.ok(
        mayMatch(split.plain, subject) || mayMatch(split.rare, subject),
        `${JSON.stringify(subject)}, seed ${seed}`,
      );
    }
    assert.ok(matched > 20);
  });
});

function compiled(source: string): CompiledPattern {
  const pattern = parsePattern(source);
  assert.ok(!('problem' in pattern));
  const made = compilePattern(pattern);
  assert.ok(!('problem' in made));
  return made;
}

function mayMatch(requirement: Requirement, subject: string): boolean {
  const bytes = Buffer.from(subject);
  const folded = subject.toLowerCase();
  const hasLiteral = requirement.literals?.some((literal) => folded.includes(literal)) ?? true;
  return hasLiteral && meetsRequirement(requirement, kindsIn(bytes), bytes);
}
