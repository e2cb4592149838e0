/** `findPhrase` against the plainest search there is, and the prefilter in front of it. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { phraseBytesMax } from '#waf/match/limits.ts';
import { compilePhraseSet } from '#waf/match/phrase-set.ts';
import { compileScanSet } from '#waf/match/scan-set.ts';
import { crsPhrases, withoutCrs } from '../../support/crs-patterns.ts';
import { matchGuest } from '../../support/match-guest.ts';
import { pick } from '../../support/near-matches.ts';
import { randomOf } from '../../support/random.ts';

const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/**
 * The first end of a phrase; reported is the longest beginning of any phrase that ends there (ModSecurity reports
 * the node of its trie where it stands, which may be further along than the phrase).
 */
function naive(phrases: readonly string[], subject: string): readonly [number, number] | null {
  const wanted = phrases.map(lower).filter((phrase) => phrase !== '');
  const text = lower(subject);
  for (let end = 1; end <= text.length; end++) {
    if (!wanted.some((phrase) => text.slice(0, end).endsWith(phrase))) continue;
    for (let from = 0; from < end; from++)
      if (wanted.some((phrase) => phrase.startsWith(text.slice(from, end))))
        return [from, end - from];
  }
  return null;
}

test('the phrase that ends first is found, in any case of its letters', async () => {
  const guest = await matchGuest();
  const cases: readonly (readonly [string[], string, readonly [number, number] | null])[] = [
    [['foo', 'bar'], 'a FoO bar', [2, 3]],
    [['ab', 'abc'], 'xabc', [1, 2]],
    [['xabz', 'ab'], '.xab', [1, 3]],
    [['bc', 'abcd'], 'abcd', [0, 3]],
    [['\x00a', '\xff'], 'b\x00A', [1, 2]],
    [['é'], 'É', null],
    [[''], 'anything', null],
    [[], 'anything', null],
    [['a'], '', null],
  ];
  for (const [phrases, subject, expected] of cases) {
    const set = guest.load(compilePhraseSet(phrases).bytes);
    assert.deepEqual(guest.findPhrase(set, bytes(subject)), expected, `${phrases} in ${subject}`);
    assert.deepEqual(naive(phrases, subject), expected, `${phrases} in ${subject}`);
  }
});

test('random phrases are found as the naive search finds them, and the prefilter hides none', async (context) => {
  const seed = Number(process.env['MATCH_SEED'] ?? randomInt(2 ** 31));
  context.diagnostic(`MATCH_SEED=${seed}`);
  const random = randomOf(seed);
  const letters = ['a', 'b', 'A', '/', '\x00', '\xe9'];
  const text = (length: number): string =>
    Array.from({ length: Math.floor(random() * length) }, () => pick(letters, random)).join('');
  let guest = await matchGuest();
  for (let i = 0; i < 400; i++) {
    if (i % 100 === 99) guest = await matchGuest();
    const phrases = Array.from({ length: 1 + Math.floor(random() * 8) }, () => text(6));
    const { bytes: blob, requirement } = compilePhraseSet(phrases);
    const set = guest.load(blob);
    const scanSet = guest.load(compileScanSet([requirement]));
    for (let j = 0; j < 20; j++) {
      const subject = text(24);
      const expected = naive(phrases, subject);
      const said = JSON.stringify([phrases, subject]);
      assert.deepEqual(guest.findPhrase(set, bytes(subject)), expected, said);
      if (expected !== null) assert.equal(guest.scan(scanSet, bytes(subject)).bits, 1n, said);
    }
  }
});

test('every phrase of the Core Rule Set is found in its place', { skip: withoutCrs }, async () => {
  for (const [name, phrases] of crsPhrases()) {
    const guest = await matchGuest();
    const { bytes: blob, requirement } = compilePhraseSet(phrases);
    const set = guest.load(blob);
    const scanSet = guest.load(compileScanSet([requirement]));
    for (const phrase of phrases.slice(0, 300)) {
      const subject = bytes(`~${phrase.replace(/[a-z]/g, (letter) => letter.toUpperCase())}~`);
      assert.notEqual(guest.findPhrase(set, subject), null, `${name}: ${phrase}`);
      assert.equal(guest.scan(scanSet, subject).bits, 1n, `${name}: ${phrase}`);
    }
    assert.equal(guest.findPhrase(set, bytes('zq zq')), null);
  }
});

test('a phrase of the greatest length is taken, a longer one is refused', () => {
  compilePhraseSet(['a'.repeat(phraseBytesMax)]);
  assert.throws(() => compilePhraseSet(['a'.repeat(phraseBytesMax + 1)]), /at most 4096/);
});
