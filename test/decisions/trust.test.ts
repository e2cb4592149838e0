/** The trust file: what a good one says, and what is wrong with a bad one, in words. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { parseTrust, publicKeyText, readTrust } from '#decisions/trust.ts';

const key = (): string => publicKeyText(generateKeyPairSync('ed25519').publicKey);
const keyA = key();
const a = { id: 'a', role: 'node', key: keyA, may: ['block'] };
const b = { id: 'b', role: 'orchestrator', key: key(), may: ['block', 'command'] };
const parse = (value: unknown) =>
  parseTrust(typeof value === 'string' ? value : JSON.stringify(value), 'trust.json');

describe('the trust file', () => {
  it('names the members, their rights and budgets', () => {
    const trust = parse({ fleet: 'eu', members: [a, { ...b, budget: 7 }] });
    assert.equal(trust.fleet, 'eu');
    assert.equal(trust.member('a')?.budget, 10_000);
    assert.equal(trust.member('b')?.budget, 7);
    assert.deepEqual([...(trust.member('b')?.may ?? [])], ['block', 'command']);
    assert.equal(trust.member('c'), null);
    const { key } = trust.member('a') ?? {};
    assert.equal(key === undefined ? '' : publicKeyText(key), keyA);
  });

  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['no JSON', '{', /is not JSON .*weir fleet init/],
    ['no members', { fleet: 'eu', members: [] }, /members/],
    ['an unknown key', { fleet: 'eu', members: [{ ...a, admin: true }] }, /members\.0/],
    ['a fleet with a dot', { fleet: 'e.u', members: [a] }, /fleet/],
    ['a member with a wildcard', { fleet: 'eu', members: [{ ...a, id: '*' }] }, /members\.0\.id/],
    ['an unknown right', { fleet: 'eu', members: [{ ...a, may: ['all'] }] }, /members\.0\.may/],
    ['a short key', { fleet: 'eu', members: [{ ...a, key: 'AAAA' }] }, /members\.0\.key/],
    ['a budget of none', { fleet: 'eu', members: [{ ...a, budget: 0 }] }, /members\.0\.budget/],
    [
      'a name twice',
      { fleet: 'eu', members: [a, { ...b, id: 'a' }] },
      /members\[1\] \(a\) is there twice/,
    ],
    ['a key twice', { fleet: 'eu', members: [a, { ...b, key: keyA }] }, /has the key of a; make/],
    [
      'a time that is none',
      { fleet: 'eu', members: [{ ...a, retired: 'soon' }] },
      /write 2026-01-31T/,
    ],
  ];
  for (const [what, value, message] of bad)
    it(`refuses ${what}`, () => {
      assert.throws(() => parse(value), { code: 'FLEET_TRUST_INVALID', message });
    });

  it('says how to get one where there is none', () => {
    assert.throws(() => readTrust('/nowhere/trust.json'), {
      code: 'FLEET_TRUST_INVALID',
      message: /cannot be read.*weir fleet init/,
    });
  });
});
