/** Look-around spelled out says the same: held against an engine that has it, on words made of its bytes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { finiteWords } from '#waf/language/finite-words.ts';
import { rewritePattern } from '#waf/language/pattern-rewrite.ts';
import { propertySettings } from '../../support/property.ts';
import { loadText, problemsOf } from '../../support/rule-text.ts';

const exact: readonly { readonly source: string; readonly pieces: readonly string[] }[] = [
  { source: String.raw`<\?(?!xml)`, pieces: ['<?', '<', '?', 'x', 'xm', 'xml', 'a', ' '] },
  { source: `a(?!b|bc|de)`, pieces: ['a', 'b', 'c', 'd', 'e'] },
  {
    source: `(?<!&(?:[aAoO]uml)|&(?:amp)|&(?:apos));|['"=]`,
    pieces: ['&', '&auml', '&Ouml', 'uml', '&amp', '&apos', ';', ';;', 'x', '\n'],
  },
  { source: `(?<!ab|b);c`, pieces: ['a', 'b', ';', ';c', 'c'] },
];

describe('a pattern with look-around', () => {
  for (const { source, pieces } of exact) {
    it(`${source} is rewritten to one that finds the same`, (test) => {
      const rewritten = rewritePattern(source);
      assert(rewritten?.isExact);
      assert.doesNotMatch(rewritten.source, /\(\?[!<=]/);
      const before = new RegExp(source, 's');
      const after = new RegExp(rewritten.source, 's');
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (list) => {
          const text = list.join('');
          assert.equal(after.test(text), before.test(text), JSON.stringify(text));
        }),
        propertySettings(test, 2_000),
      );
    });
  }

  const left: readonly string[] = [
    'a(?!b)c',
    'a|b(?!c)',
    '(?i)a(?!b)',
    'a(?!b+)',
    'a(?!b*)',
    'a(?=b)',
    'x(?<!a);',
    '(?<!a|);',
    'a(?!)',
    '(a)\\1',
  ];
  for (const source of left) {
    it(`${source} is left alone`, () => assert.equal(rewritePattern(source), null));
  }
});

describe('possessive quantifiers', () => {
  it('become greedy, outside of classes and escapes', () => {
    const rewritten = rewritePattern(String.raw`a*+[*+]++\++c{1,2}+d?+\*+e+`);
    assert.equal(rewritten?.source, String.raw`a*[*+]+\++c{1,2}d?\*+e+`);
    assert.equal(rewritten.isExact, false);
  });
});

describe('words of a small pattern', () => {
  it('are all of them, or none', () => {
    assert.deepEqual(finiteWords('a(?:b|[cd]e)f|\\.'), ['abf', 'acef', 'adef', '.']);
    for (const source of ['a*', 'a.', '(a)', '[^a]', 'a)', '\\d', 'a{2}']) {
      assert.equal(finiteWords(source), null, source);
    }
    assert.equal(finiteWords('[abcdefgh]'.repeat(4)), null);
  });
});

describe('rules with such patterns', () => {
  it('load, and each rewriting is noted', () => {
    const loaded = loadText('SecRule ARGS "@rx <\\?(?!xml)" "id:1,deny"');
    assert.deepEqual(problemsOf(loaded), []);
    assert.match(
      loaded.notes[0]?.message ?? '',
      /rule 1 is run rewritten: its lookahead is spelled out/,
    );
  });

  it('that capture groups are refused, as what they capture would change', () => {
    assert.deepEqual(problemsOf(loadText('SecRule ARGS "@rx <\\?(?!x)" "id:1,capture"')), []);
    const loaded = loadText('SecRule ARGS "@rx (<)\\?(?!xml)" "id:1,deny,capture"');
    assert.match(problemsOf(loaded)[0] ?? '', /lookahead/);
  });
});
