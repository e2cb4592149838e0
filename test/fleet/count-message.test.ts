/** Messages of counts: what is written is read, and what was changed on the way is not. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type CountHead,
  CountMessageWriter,
  countKeyBytesMax,
  countMessageBytesMax,
  isOneGroup,
  parseCountMessage,
} from '#fleet/count-message.ts';
import type { Component } from '#fleet/fleet-counters.ts';
import { propertySettings } from '../support/property.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const head: CountHead = {
  fleet: 'f',
  node: 'a',
  epoch: 2 ** 47,
  sequence: 7,
  wantsAll: true,
  asks: ['b', 'c-1'],
};
const terms = { fleet: 'f', from: 'a', key: publicKey };
const writer = new CountMessageWriter();
const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: countKeyBytesMax,
});
const component: fc.Arbitrary<Component> = fc.record(
  {
    module: fc.constantFrom('rate-limit', 'm'),
    key: latin1,
    windowMs: fc.integer({ min: 1, max: 86_400_000 }),
    index: fc.nat(2 ** 40),
    node: fc.constantFrom('', 'b'),
    epoch: fc.nat(2 ** 47),
    count: fc.nat(2 ** 32 - 1),
  },
  { noNullPrototype: true },
);

describe('messages of counts', () => {
  it('come out as they went in, over as many messages as they take', (test) => {
    fc.assert(
      fc.property(fc.array(component, { maxLength: 600 }), (components) => {
        const read: Component[] = [];
        let left = components;
        do {
          const [bytes, taken] = writer.write(head, left, privateKey);
          assert.ok(bytes.length <= countMessageBytesMax);
          assert.ok(
            taken > 0 || left.length === 0,
            'a message that takes nothing would go on for ever',
          );
          const parsed = parseCountMessage(bytes, terms);
          assert.ok(parsed.ok);
          const { components: here, ...said } = parsed.message;
          assert.deepEqual(said, head);
          read.push(...here);
          left = left.slice(taken);
        } while (left.length > 0);
        assert.deepEqual(read, components);
      }),
      propertySettings(test, 100),
    );
  });

  it('say a group once', () => {
    const one = { module: 'm', windowMs: 1_000, index: 5, node: '', epoch: 1, count: 3 };
    const list = Array.from({ length: 100 }, (_, n) => ({ ...one, key: `k${n}` }));
    assert.ok(list.every((each) => isOneGroup(each, one as Component)));
    const [bytes] = writer.write(head, list, privateKey);
    assert.ok(bytes.length < 100 * 10 + 200, `${bytes.length}`);
  });

  it('are refused from another, for another fleet, by another key, changed or cut', (test) => {
    const [bytes] = writer.write(head, fc.sample(component, 20), privateKey);
    const reason = (given: Uint8Array, from = terms) => {
      const parsed = parseCountMessage(given, from);
      return parsed.ok ? 'ok' : parsed.reason;
    };
    assert.equal(reason(bytes), 'ok');
    assert.equal(reason(bytes, { ...terms, from: 'b' }), 'not-yours');
    assert.equal(reason(bytes, { ...terms, fleet: 'g' }), 'not-yours');
    assert.equal(
      reason(bytes, { ...terms, key: generateKeyPairSync('ed25519').publicKey }),
      'unsigned',
    );
    assert.equal(reason(Buffer.alloc(countMessageBytesMax + 1)), 'malformed');
    assert.equal(reason(new Uint8Array()), 'malformed');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        assert.notEqual(reason(changed), 'ok');
        assert.notEqual(reason(bytes.subarray(0, at)), 'ok');
      }),
      propertySettings(test, 300),
    );
  });

  it('are taken whole or not at all, whatever a member signs', (test) => {
    const [bytes] = writer.write(head, fc.sample(component, 20), privateKey);
    const body = bytes.subarray(0, -64);
    const signed = (given: Uint8Array) => Buffer.concat([given, sign(null, given, privateKey)]);
    const check = (given: Uint8Array) => {
      const parsed = parseCountMessage(signed(given), terms);
      if (!parsed.ok) return;
      for (const { key, windowMs, module } of parsed.message.components) {
        assert.ok(key.length > 0 && key.length <= countKeyBytesMax);
        assert.ok(windowMs > 0 && module !== '');
      }
    };
    for (let length = 0; length < body.length; length++) check(body.subarray(0, length));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const changed = Buffer.from(body);
          for (const [at, value] of changes) changed[at] = value;
          check(changed);
        },
      ),
      propertySettings(test, 5_000),
    );
  });
});
