/** Batches as bytes: what comes back, what is refused, and bytes that were made to confuse. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  batchBytesMax,
  batchDecisionsMax,
  encodeBatch,
  encodeDecisions,
  isSignedBy,
  parseDecisions,
  readBatchHead,
  readDecisions,
} from '#decisions/batch.ts';
import { type Decision, decisionLifeMaxMs } from '#decisions/decision.ts';
import { arbitrarySaid, originMs } from '../support/arbitrary-decision.ts';
import { propertySettings } from '../support/property.ts';
import { randomOf } from '../support/random.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');

const decision: Decision = {
  target: '192.0.2.1',
  action: 'drop',
  at: { ms: originMs, counter: 0 },
  expiresAtMs: originMs + 1_000,
  shadowUntilMs: originMs + 2_000,
  reason: 'scan',
  origin: 'operator',
};
const good = encodeDecisions([decision]);
const batchOf = (decisions: readonly Decision[]) => ({
  issuer: 'a',
  sequence: 7,
  issuedAtMs: originMs,
  expiresAtMs: Math.max(...decisions.map(({ shadowUntilMs }) => shadowUntilMs)),
  decisions,
});

describe('a batch', () => {
  it('comes back as it was', (test) => {
    const lived = (one: Decision): Decision =>
      one.action === 'clear'
        ? {
            ...one,
            expiresAtMs: one.at.ms + decisionLifeMaxMs,
            shadowUntilMs: one.at.ms + decisionLifeMaxMs,
          }
        : one;
    const decisions = fc
      .uniqueArray(arbitrarySaid, { minLength: 1, selector: ({ decision }) => decision.target })
      .map((said) => said.map(({ decision }) => lived(decision)));
    fc.assert(
      fc.property(decisions, (given) => {
        const batch = batchOf(given);
        const bytes = encodeBatch(batch, 'eu', privateKey);
        const head = readBatchHead(bytes);
        assert.ok(head !== null);
        assert.ok(isSignedBy(bytes, 'eu', publicKey));
        assert.deepEqual(
          { ...head, decisions: readDecisions(bytes, head) },
          { ...batch, count: given.length },
        );
      }),
      propertySettings(test, 200),
    );
  });

  it('means nothing to another fleet, or with a byte changed', () => {
    const bytes = encodeBatch(batchOf([decision]), 'eu', privateKey);
    assert.ok(isSignedBy(bytes, 'eu', publicKey));
    assert.ok(!isSignedBy(bytes, 'us', publicKey));
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      assert.ok(!isSignedBy(changed, 'eu', publicKey), `byte ${at}`);
    }
  });

  it('has a version, and another one is refused', () => {
    const bytes = encodeBatch(batchOf([decision]), 'eu', privateKey);
    bytes[2] = 2;
    assert.equal(readBatchHead(bytes), null);
  });

  it('is refused above its bounds, and taken at them', () => {
    const rows = Array.from({ length: batchDecisionsMax + 1 }, (_, index) => ({
      ...decision,
      target: `10.0.${index >> 8}.${index & 255}`,
    }));
    const atBound = encodeBatch(batchOf(rows.slice(1)), 'eu', privateKey);
    const head = readBatchHead(atBound);
    assert.ok(head !== null && readDecisions(atBound, head)?.length === batchDecisionsMax);
    assert.equal(readBatchHead(encodeBatch(batchOf(rows), 'eu', privateKey)), null);
    assert.equal(parseDecisions(encodeDecisions(rows)), null);
    assert.equal(readBatchHead(new Uint8Array(batchBytesMax + 1)), null);
  });

  const row = (edit: Partial<Decision> & { at?: Decision['at'] }) =>
    encodeDecisions([{ ...decision, ...edit }]);
  const unclear: readonly (readonly [string, string])[] = [
    ['a space more', ` ${good}`],
    ['a number in another form', good.replace(',0,', ',0.0,')],
    ['an escape that need not be', good.replace('scan', 's\\u0063an')],
    ['a field more', good.replace(']]', ',1]]')],
    ['a target that is not canonical', row({ target: '192.0.2.01' })],
    ['a range with host bits', row({ target: '192.0.2.1/24' })],
    ['an address in another form', row({ target: '2001:DB8::1' })],
    ['an action of Object', row({ action: 'constructor' as Decision['action'] })],
    ['a counter below 0', row({ at: { ms: originMs, counter: -1 } })],
    ['a counter above 32 bits', row({ at: { ms: originMs, counter: 2 ** 32 } })],
    ['a time that is no integer', row({ at: { ms: originMs + 0.5, counter: 0 } })],
    ['a shadow before the end', row({ shadowUntilMs: decision.expiresAtMs - 1 })],
    ['a shadow beyond the longest life', row({ shadowUntilMs: originMs + decisionLifeMaxMs + 1 })],
    ['a clear that ends early', row({ action: 'clear' })],
    ['a line end in a reason', row({ reason: 'a\nb' })],
    ['half a character in a reason', row({ reason: '\ud800' })],
    ['a long reason', row({ reason: 'x'.repeat(257) })],
    ['a target twice', encodeDecisions([decision, decision])],
    ['no array', '{}'],
    ['nothing', ''],
    ['a key of Object', '[{"__proto__":1}]'],
  ];
  for (const [what, text] of unclear)
    it(`with ${what} is refused`, () => {
      assert.equal(parseDecisions(text), null);
      assert.notEqual(parseDecisions(good), null);
    });

  it('with bytes that are no UTF-8 is refused, though they are signed', () => {
    const bytes = encodeBatch(batchOf([decision]), 'eu', privateKey);
    const broken = Buffer.from(bytes);
    broken[broken.indexOf('scan')] = 0xff;
    const unsigned = broken.subarray(0, -64);
    const domain = Buffer.from('weir decisions 1\neu\n');
    const signed = Buffer.concat([
      unsigned,
      sign(null, Buffer.concat([domain, unsigned]), privateKey),
    ]);
    const head = readBatchHead(signed);
    assert.ok(head !== null && isSignedBy(signed, 'eu', publicKey));
    assert.equal(readDecisions(signed, head), null);
  });

  // The whole run is DECISION_FUZZ=1000000.
  const rounds = Number(process.env['DECISION_FUZZ'] ?? 20_000);
  it(`in ${rounds} mutations is either refused or says exactly what its bytes say`, (test) => {
    const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);
    test.diagnostic(`FC_SEED=${seed}`);
    const random = randomOf(seed);
    const pick = (count: number): number => Math.floor(random() * count);
    const two = [decision, { ...decision, target: '2001:db8::/32', action: 'monitor' as const }];
    const original = encodeBatch(batchOf(two), 'eu', privateKey);
    let read = 0;
    for (let round = 0; round < rounds; round++) {
      let bytes = Buffer.from(original);
      for (let edits = 1 + pick(3); edits > 0 && bytes.length > 0; edits--) {
        const at = pick(bytes.length);
        const kind = pick(4);
        if (kind === 0) bytes[at] = pick(256);
        else if (kind === 1) bytes = bytes.subarray(0, at);
        else if (kind === 2) bytes[at] = '0123456789",[]\\:/.eE-'.charCodeAt(pick(21));
        else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(pick(bytes.length))]);
      }
      const head = readBatchHead(bytes);
      if (head === null) continue;
      const decisions = readDecisions(bytes, head);
      if (decisions === null) continue;
      read++;
      const body = bytes.subarray(4 + head.issuer.length + 26, -64).toString('utf8');
      assert.equal(encodeDecisions(decisions), body);
      const isSame = bytes.subarray(0, -64).equals(original.subarray(0, -64));
      if (!isSame) assert.ok(!isSignedBy(bytes, 'eu', publicKey));
    }
    test.diagnostic(`${read} of them could be read, and were signed by nobody`);
  });
});
