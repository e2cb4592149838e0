/** Grants: good for one request, once, in their time, of those who may. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { parseTrust, publicKeyText } from '#decisions/trust.ts';
import {
  emptySha256,
  encodeGrant,
  GrantGate,
  type GrantWanted,
  grantLifeMs,
  grantSkewMs,
  grantsMax,
} from '#fleet/access-grant.ts';

const keys = {
  control: generateKeyPairSync('ed25519'),
  looker: generateKeyPairSync('ed25519'),
  a: generateKeyPairSync('ed25519'),
  stranger: generateKeyPairSync('ed25519'),
};
const trust = parseTrust(
  JSON.stringify({
    fleet: 'f',
    members: [
      { id: 'control', role: 'orchestrator', may: ['command'] },
      { id: 'looker', role: 'orchestrator', may: ['block'] },
      { id: 'a', role: 'node', may: ['block', 'command'] },
    ].map((member) => ({
      ...member,
      key: publicKeyText(keys[member.id as 'a'].publicKey),
    })),
  }),
  'trust.json',
);
const path = '/api/v1/blocks?limit=5';
const wanted: GrantWanted = {
  ...{ fleet: 'f', issuer: 'control', node: 'a', role: 'read', caller: 'ci', method: 'GET', path },
  bodySha256: emptySha256,
};
let nowMs = 1_000_000;
const open = () => new GrantGate(trust, 'a', () => nowMs);
const sign = (change: Partial<GrantWanted> = {}, key: keyof typeof keys = 'control') =>
  encodeGrant({ ...wanted, ...change }, keys[key].privateKey, nowMs);

describe('a grant', () => {
  it('is taken once, and says who', () => {
    const gate = open();
    const text = sign();
    const first = gate.take(text, 'GET', path);
    assert.equal(first.kind === 'granted' ? first.grant.caller : first.kind, 'ci');
    assert.deepEqual(gate.take(text, 'GET', path), { kind: 'refused', reason: 'replayed' });
  });

  const refused: readonly (readonly [string, () => string, string])[] = [
    ['of a stranger', () => sign({ issuer: 'stranger' }, 'stranger'), 'unknown-issuer'],
    ['in another’s name', () => sign({}, 'stranger'), 'unsigned'],
    ['of a node', () => sign({ issuer: 'a' }, 'a'), 'not-allowed'],
    [
      'of an orchestrator that may not command',
      () => sign({ issuer: 'looker' }, 'looker'),
      'not-allowed',
    ],
    ['for another node', () => sign({ node: 'b' }), 'not-for-us'],
    ['of another fleet', () => sign({ fleet: 'g' }), 'not-for-us'],
    ['for another method', () => sign({ method: 'DELETE' }), 'other-request'],
    ['for another query', () => sign({ path: '/api/v1/blocks?limit=6' }), 'other-request'],
    [
      'with a byte changed',
      () => sign().replace(/\.(.)/, (_, c) => (c === 'A' ? '.B' : '.A')),
      'unsigned',
    ],
    ['cut short', () => sign().slice(0, -3), 'malformed'],
    ['of nothing', () => 'Weir-Grant ', 'malformed'],
    ['with more behind it', () => `${sign()}.x`, 'malformed'],
    ['too long', () => `Weir-Grant ${'a'.repeat(9_000)}.${'a'.repeat(86)}`, 'malformed'],
  ];
  for (const [what, text, reason] of refused)
    it(`is refused: ${what}`, () => {
      assert.deepEqual(open().take(text(), 'GET', path), { kind: 'refused', reason });
    });

  it('holds in its time only, and none is older than the node', () => {
    const gate = open();
    const text = sign();
    nowMs += grantLifeMs + grantSkewMs;
    assert.deepEqual(gate.take(text, 'GET', path), { kind: 'refused', reason: 'expired' });
    const fresh = sign();
    nowMs -= grantSkewMs + 1;
    assert.deepEqual(gate.take(fresh, 'GET', path), { kind: 'refused', reason: 'future' });
    const before = sign();
    nowMs += 1;
    const restarted = open();
    assert.deepEqual(restarted.take(before, 'GET', path), {
      kind: 'refused',
      reason: 'older-than-this-node',
    });
  });

  it('is refused where too many were taken, and room comes back with time', () => {
    const gate = open();
    for (let at = 0; at < grantsMax; at++) gate.take(sign(), 'GET', path);
    assert.deepEqual(gate.take(sign(), 'GET', path), { kind: 'refused', reason: 'too-many' });
    nowMs += grantLifeMs + grantSkewMs;
    assert.equal(gate.take(sign(), 'GET', path).kind, 'granted');
  });

  it('is not what a token is', () => {
    assert.deepEqual(open().take('Bearer x', 'GET', path), { kind: 'none' });
    assert.deepEqual(open().take(undefined, 'GET', path), { kind: 'none' });
  });
});
