/**
 * Subjects made to be dear: new states of a lazy table with every byte, a cache that is too small for them.
 * Work is counted by the budget, never by the clock.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePattern } from '#waf/match/compile-pattern.ts';
import { scanBitsMax } from '#waf/match/limits.ts';
import { parsePattern } from '#waf/match/pattern-parser.ts';
import { noRequirement } from '#waf/match/requirement.ts';
import { compileScanSet } from '#waf/match/scan-set.ts';
import { type MatchGuest, matchGuest } from '../../support/match-guest.ts';
import { randomOf } from '../../support/random.ts';

/** Remembers which of the last 24 bytes were an `a`: no table holds its states. */
const remembering = '(?:a|\\x00)[ab]{24}c';

function lazily(guest: MatchGuest, source: string): number {
  const pattern = parsePattern(source);
  assert.ok('node' in pattern);
  const compiled = compilePattern(pattern);
  assert.ok('bytes' in compiled);
  assert.equal(compiled.kind, 'lazy');
  return guest.load(compiled.bytes);
}

function subjectOf(length: number, seed: number): Uint8Array {
  const random = randomOf(seed);
  return Uint8Array.from({ length }, () => (random() < 0.5 ? 0x61 : 0x62));
}

const budget = 1n << 50n;
function workOf(guest: MatchGuest, pattern: number, subject: Uint8Array, answer: number): number {
  guest.setBudget(budget);
  assert.equal(guest.match(pattern, subject), answer);
  return Number(budget - guest.exports.budgetLeft());
}

test('a subject that makes a new state with each byte costs a constant a byte', async () => {
  const guest = await matchGuest();
  const pattern = lazily(guest, remembering);
  const short = workOf(guest, pattern, subjectOf(2_000, 1), 0) / 2_000;
  const long = workOf(guest, pattern, subjectOf(200_000, 2), 0) / 200_000;
  assert.ok(long < short * 1.5, `${short} and ${long} units a byte`);
  assert.ok(long > 60, 'the subject makes no new states');
});

test('a subject seen before costs what a table costs', async () => {
  const guest = await matchGuest();
  const pattern = lazily(guest, remembering);
  const subject = subjectOf(1_000, 3);
  workOf(guest, pattern, subject, 0);
  assert.ok(workOf(guest, pattern, subject, 0) <= 1_010);
});

test('the cache is emptied when it is full, and answers stay right', async () => {
  const guest = await matchGuest({ cacheBytes: 400_000 });
  const pattern = lazily(guest, remembering);
  const subject = subjectOf(100_000, 4);
  assert.equal(guest.match(pattern, subject), 0);
  assert.ok(guest.exports.lazyFlushes() > 2);
  assert.ok(guest.exports.lazyStates() <= 6_000);
  subject.set(Buffer.from('aaaaaaaaaaaaaaaaaaaaaaaaac'), 99_000);
  assert.equal(guest.match(pattern, subject), 1);
});

test('where the budget is used up the answer is neither yes nor no', async () => {
  const guest = await matchGuest();
  const pattern = lazily(guest, remembering);
  guest.setBudget(50_000n);
  assert.equal(guest.match(pattern, subjectOf(10_000, 5)), -1);
  guest.setBudget(3n);
  assert.equal(guest.match(pattern, subjectOf(10, 5)), -1);
});

test('two lazy patterns share a cache and do not mix up their states', async () => {
  const guest = await matchGuest({ cacheBytes: 400_000 });
  const first = lazily(guest, remembering);
  const second = lazily(guest, '(?:b|\\x00)[ab]{24}c');
  for (let seed = 10; seed < 200; seed++) {
    const subject = subjectOf(300, seed);
    subject[200] = 0x63;
    assert.equal(guest.match(first, subject), subject[175] === 0x61 ? 1 : 0);
    assert.equal(guest.match(second, subject), subject[175] === 0x62 ? 1 : 0);
  }
});

test('a scan set takes its greatest number of entries and no more', async () => {
  const guest = await matchGuest();
  const entries = Array.from({ length: scanBitsMax }, (_, entry) => ({
    ...noRequirement,
    literals: [`=${entry.toString(16).padStart(3, '0')};`],
  }));
  const set = guest.load(compileScanSet(entries));
  const { bits } = guest.scan(set, Buffer.from('=fff; and =00a;'));
  assert.equal(bits, (1n << 4095n) | (1n << 10n));
  assert.throws(() => compileScanSet([...entries, noRequirement]), /at most 4096/);
});

test('more literals than 16 bits number are found, each as what it is', async () => {
  const guest = await matchGuest();
  const literalOf = (number: number): string => {
    const digits = Math.imul(number + 1, 0x9e3779b1) >>> 0;
    return `${digits.toString(36).padStart(7, '0')}-${number.toString(36).padStart(8, '0')}`;
  };
  const halves = [0, 1].map((half) => ({
    ...noRequirement,
    literals: Array.from({ length: 20_000 }, (_, index) => literalOf(index * 2 + half)),
  }));
  const set = guest.load(compileScanSet(halves));
  for (let number = 0; number < 40_000; number += 97) {
    const { bits } = guest.scan(set, Buffer.from(`an ${literalOf(number)} in it`));
    assert.equal(bits, number % 2 === 0 ? 1n : 2n, literalOf(number));
  }
  assert.equal(guest.scan(set, Buffer.from('nothing of it')).bits, 0n);
});
