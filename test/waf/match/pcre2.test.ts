/**
 * Every form of a pattern against PCRE2: the automaton, its smallest DFA, the lazy tables, the capture machine
 * and the prefilter, on subjects that nearly match. `MATCH_SEED` runs a failure again.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { crsPatterns, withoutCrs } from '../../support/crs-patterns.ts';
import { matchGuest } from '../../support/match-guest.ts';
import { nearMatch } from '../../support/near-matches.ts';
import { disagreements, formsOf } from '../../support/pattern-checks.ts';
import { loadPcre2, type Pcre2 } from '../../support/pcre2.ts';
import { randomOf } from '../../support/random.ts';
import { randomPattern } from '../../support/random-pattern.ts';

const loaded = loadPcre2();
const withoutPcre2 = typeof loaded === 'string' ? loaded : false;
const pcre2 = (): Pcre2 => {
  if (typeof loaded === 'string') throw new Error(loaded);
  return loaded;
};

function seeded(context: TestContext): () => number {
  const seed = Number(process.env['MATCH_SEED'] ?? randomInt(2 ** 31));
  context.diagnostic(`MATCH_SEED=${seed}`);
  return randomOf(seed);
}

test('every pattern of the Core Rule Set answers as PCRE2 does', {
  skip: withoutPcre2 || withoutCrs,
}, async (context) => {
  const random = seeded(context);
  const patterns = crsPatterns();
  let subjects = 0;
  let matches = 0;
  for (let first = 0; first < patterns.length; first += 25) {
    // Guests are never freed, so a new one from time to time.
    const guest = await matchGuest();
    for (const { id, source } of patterns.slice(first, first + 25)) {
      const forms = formsOf(guest, source);
      assert.ok(typeof forms !== 'string', `${id}: ${String(forms)}`);
      const judge = pcre2().compile(source);
      assert.ok(judge !== null, `${id}: PCRE2 does not take it`);
      for (let i = 0; i < 60; i++) {
        const subject = nearMatch(forms.pattern.node, random);
        assert.deepEqual(disagreements(guest, forms, subject, judge), [], String(id));
        subjects++;
        matches += guest.match(forms.best, subject);
      }
      judge.free();
    }
  }
  context.diagnostic(`${patterns.length} patterns, ${subjects} subjects, ${matches} of them match`);
  assert.ok(matches > subjects / 5 && matches < subjects);
});

test('random patterns answer as PCRE2 does, or both refuse them', {
  skip: withoutPcre2,
}, async (context) => {
  const random = seeded(context);
  let taken = 0;
  let matches = 0;
  let guest = await matchGuest();
  for (let i = 0; i < 3000; i++) {
    if (i % 50 === 49) guest = await matchGuest();
    const source = randomPattern(random);
    const forms = formsOf(guest, source);
    const judge = pcre2().compile(source);
    if (typeof forms === 'string') {
      const isOurs = /not regular|not supported|atomic|Unicode|too large|repeats/.test(forms);
      assert.ok(judge === null || isOurs, `/${source}/ is refused: ${forms}`);
      judge?.free();
      continue;
    }
    assert.ok(judge !== null, `/${source}/ is refused by PCRE2`);
    taken++;
    for (let j = 0; j < 12; j++) {
      const subject = nearMatch(forms.pattern.node, random);
      assert.deepEqual(disagreements(guest, forms, subject, judge), []);
      matches += guest.match(forms.best, subject);
    }
    judge.free();
  }
  context.diagnostic(`${taken} patterns, ${matches} matches`);
  assert.ok(taken > 1500);
});

/** By what they say of the first group on `aaab`. */
const suffixed = [
  ...['(?x)(a{1,2} ?)a*', '(a{1,2} ?)a*', '(?x)(a{1,2}#c\n?)a*', '(a{1,2}(?#c)?)a*', '(a+\\E?)a*'],
  ...[
    '(a+\\Q\\E?)a*',
    '(?x)(a (?#c) {1,2} (?#d) ?)a*',
    '(?x)(a {2})a*',
    '(?U)(a+(?#c)?)a*',
    '(?xx)(a+ ?)a*',
  ],
] as const;

test('what stands for nothing is skipped between an item, its quantifier and its suffix', {
  skip: withoutPcre2,
}, async () => {
  const guest = await matchGuest();
  for (const source of suffixed) {
    const forms = formsOf(guest, source);
    assert.ok(typeof forms !== 'string', `/${source}/: ${String(forms)}`);
    const judge = pcre2().compile(source);
    assert.ok(judge !== null, source);
    assert.deepEqual(disagreements(guest, forms, Buffer.from('aaab'), judge), []);
    judge.free();
  }
});
