/** Which tokens count, for whom and when. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  newNonce,
  type TokenHolder,
  type TokenKind,
  TokenSigner,
  tokenCharacters,
} from '#proxy/challenge/challenge-token.ts';

const key = randomBytes(32);
const older = randomBytes(32);
const newer = randomBytes(32);
const now = 1_800_000_000_000;
const holder: TokenHolder = { address: '192.0.2.7', host: 'Shop.example:8443' };
const token = { difficultyBits: 18, expiresAtMs: now + 60_000, nonce: newNonce() };

type Case = {
  readonly what: string;
  readonly says: string;
  readonly madeWith?: readonly Buffer[];
  readonly kind?: TokenKind;
  readonly madeFor?: TokenHolder;
  readonly change?: (text: string) => string;
  readonly checkedWith?: readonly Buffer[];
  readonly shownBy?: Partial<TokenHolder>;
  readonly atMs?: number;
};

const flipped = (index: number) => (text: string) => {
  const bytes = Buffer.from(text, 'base64url');
  bytes[index] = (bytes[index] as number) ^ 1;
  return bytes.toString('base64url');
};
const v6 = (address: string): TokenHolder => ({ ...holder, address });

const cases: readonly Case[] = [
  { what: 'as it was made', says: 'counts' },
  { what: 'a neighbour in the /24', says: 'counts', shownBy: { address: '192.0.2.250' } },
  { what: 'a host in other letters', says: 'counts', shownBy: { host: 'shop.EXAMPLE:8443' } },
  { what: 'another /24', says: 'address', shownBy: { address: '192.0.3.7' } },
  {
    what: 'a neighbour in the /56',
    says: 'counts',
    madeFor: v6('2001:db8:1:aa00::1'),
    shownBy: { address: '2001:db8:1:aaff::2' },
  },
  {
    what: 'another /56',
    says: 'address',
    madeFor: v6('2001:db8:1:aa00::1'),
    shownBy: { address: '2001:db8:1:ab00::1' },
  },
  {
    what: 'an IPv6 address of the same first bytes',
    says: 'address',
    shownBy: { address: 'c000:200::' },
  },
  { what: 'the same address, mapped', says: 'counts', shownBy: { address: '::ffff:192.0.2.7' } },
  { what: 'another host', says: 'host', shownBy: { host: 'bank.example' } },
  { what: 'another port', says: 'host', shownBy: { host: 'shop.example' } },
  { what: 'a millisecond before its end', says: 'counts', atMs: token.expiresAtMs - 1 },
  { what: 'at its end', says: 'expired', atMs: token.expiresAtMs },
  { what: 'the other kind', says: 'malformed', kind: 'challenge' },
  { what: 'a version to come', says: 'malformed', change: flipped(0) },
  { what: 'its kind changed', says: 'malformed', change: flipped(1) },
  { what: 'its difficulty changed', says: 'signature', change: flipped(2) },
  { what: 'its address changed', says: 'signature', change: flipped(5) },
  { what: 'its time changed', says: 'signature', change: flipped(11) },
  { what: 'its host changed', says: 'signature', change: flipped(20) },
  { what: 'its nonce changed', says: 'signature', change: flipped(45) },
  { what: 'its signature changed', says: 'signature', change: flipped(77) },
  { what: 'a character less', says: 'malformed', change: (text) => text.slice(1) },
  { what: 'a character more', says: 'malformed', change: (text) => `${text}A` },
  { what: 'padding behind it', says: 'malformed', change: (text) => `${text}=` },
  { what: 'nothing', says: 'malformed', change: () => '' },
  {
    what: 'the other alphabet of base64',
    says: 'malformed',
    change: (text) => `+${text.slice(1)}`,
  },
  { what: 'another node', says: 'signature', checkedWith: [randomBytes(32)] },
  { what: 'after one rotation', says: 'counts', checkedWith: [newer, key] },
  { what: 'after two rotations', says: 'signature', checkedWith: [newer, older] },
  { what: 'the older key', says: 'counts', madeWith: [older], checkedWith: [key, older] },
];

describe('a token', () => {
  for (const one of cases) {
    it(`${one.what} → ${one.says}`, () => {
      const { madeWith = [key], kind = 'pass', madeFor = holder, atMs = now } = one;
      const made = new TokenSigner(madeWith).sign(kind, madeFor, token);
      assert.equal(made.length, tokenCharacters);
      const shown = one.change?.(made) ?? made;
      const result = new TokenSigner(one.checkedWith ?? madeWith).verify(
        'pass',
        shown,
        { ...madeFor, ...one.shownBy },
        atMs,
      );
      assert.equal(typeof result === 'string' ? result : 'counts', one.says);
    });
  }

  it('says what was signed', () => {
    const signer = new TokenSigner([key]);
    assert.deepEqual(signer.verify('pass', signer.sign('pass', holder, token), holder, now), token);
  });
});
