/** What the control plane signs: taken from who may, as it was signed, for this fleet, and nothing else. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseTrust, publicKeyText } from '#decisions/trust.ts';
import type { RuleSet } from '#rollout/rule-set.ts';
import { ruleSet } from '#rollout/rule-set.ts';
import { documentBytesMax, encodeDocument, readDocument } from '#rollout/signed-document.ts';

const nowMs = 1_800_000_000_000;
const keys = new Map<string, KeyObject>();
function member(id: string, may: readonly string[], more: object = {}) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  keys.set(id, privateKey);
  const role = id.startsWith('node') ? 'node' : 'orchestrator';
  return { id, role, key: publicKeyText(publicKey), may, ...more };
}
const trust = parseTrust(
  JSON.stringify({
    fleet: 'f',
    members: [
      member('orchestrator', ['block', 'command', 'rollout']),
      member('node-a', ['block']),
      member('commander', ['block', 'command']),
      member('retired', ['rollout'], { retired: new Date(nowMs - 1_000).toISOString() }),
    ],
  }),
  'trust.json',
);

const set = (more: Partial<RuleSet> = {}): RuleSet => ({
  ...{ v: 1, fleet: 'f', issuer: 'orchestrator', sequence: nowMs, issuedAtMs: nowMs },
  ...{ isMoving: false, items: [] },
  ...more,
});
const read = (bytes: Uint8Array) =>
  readDocument('rule-set', ruleSet, bytes, { fleet: 'f', trust, nowMs });
const signed = (body: RuleSet, signer = body.issuer): Buffer =>
  encodeDocument('rule-set', body, keys.get(signer) as KeyObject);

describe('a signed document', () => {
  it('is taken from a member that may roll out', () => {
    const found = read(signed(set()));
    assert.ok(found.ok);
    assert.deepEqual(found.body, set());
  });

  const refusals: readonly (readonly [string, Uint8Array, string])[] = [
    ['of a node, which may not', signed(set({ issuer: 'node-a' })), 'not-allowed'],
    ['of one that may command and no more', signed(set({ issuer: 'commander' })), 'not-allowed'],
    ['of one that was retired before', signed(set({ issuer: 'retired' })), 'not-allowed'],
    ['in the name of another', signed(set(), 'commander'), 'unsigned'],
    ['of somebody unknown', signed(set({ issuer: 'x' }), 'commander'), 'unknown-issuer'],
    ['of another fleet', signed(set({ fleet: 'g' })), 'not-for-us'],
    ['of the far future', signed(set({ issuedAtMs: nowMs + 3_600_000 })), 'future'],
    ['whose sequence shuts out all others', signed(set({ sequence: nowMs * 2 })), 'future'],
    [
      'with a key that nobody knows',
      signed({ ...set(), more: true } as unknown as RuleSet),
      'malformed',
    ],
    [
      'that is a plan',
      encodeDocument('rollout-plan', set(), keys.get('orchestrator') as KeyObject),
      'malformed',
    ],
    ['cut short', signed(set()).subarray(0, 80), 'malformed'],
    ['of nothing', new Uint8Array(0), 'malformed'],
    ['longer than the bound', Buffer.alloc(documentBytesMax + 1), 'malformed'],
  ];
  for (const [what, bytes, reason] of refusals)
    it(`one ${what} is refused`, () => assert.deepEqual(read(bytes), { ok: false, reason }));

  it('does not survive any change of any byte', () => {
    const good = signed(set());
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const copy = Buffer.from(good);
        copy[at] = (copy[at] as number) ^ change;
        assert.equal(read(copy).ok, false);
      }),
    );
  });

  it('is never made of bytes that come by themselves', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        assert.equal(read(bytes).ok, false);
      }),
    );
  });
});
