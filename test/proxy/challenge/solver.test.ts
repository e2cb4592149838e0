/** The work of a challenge, as browsers do it, against Node's own SHA-256. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { findSolution } from '#proxy/challenge/solver.ts';

const zeroBits = (text: string, number: number): number =>
  Math.clz32(createHash('sha256').update(`${text}.${number}`).digest().readUInt32BE(0));

test('the first number that solves it is found, over one range or many', () => {
  for (let round = 0; round < 20; round++) {
    const text = randomBytes(78).toString('base64url');
    let expected = 0;
    while (zeroBits(text, expected) < 9) expected++;
    assert.equal(findSolution(text, 9, 0, 100_000), expected);
    let found = -1;
    for (let first = 0; found < 0; first += 97) found = findSolution(text, 9, first, 97);
    assert.equal(found, expected);
    assert.equal(findSolution(text, 9, 0, expected), -1, 'and not in the range before it');
  }
});

test('long numbers are hashed as they are written', () => {
  const text = randomBytes(78).toString('base64url');
  for (const first of [99, 9_999_999, 4_294_967_290, 9_999_999_999_000]) {
    const found = findSolution(text, 5, first, 1_000);
    assert.ok(found >= first);
    assert.ok(zeroBits(text, found) >= 5);
    for (let other = first; other < found; other++) assert.ok(zeroBits(text, other) < 5);
  }
});
