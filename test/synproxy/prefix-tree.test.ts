import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Cidr, cidrContains, cidrOf } from '../../src/core/ip.ts';
import { PrefixTree } from '../../src/synproxy/prefix-tree.ts';
import { propertySettings } from '../support/property.ts';

const range = fc
  .tuple(fc.constantFrom(0, 0x80000000, 0x0a000000), fc.nat(31), fc.nat(12))
  .map(([base, low, wider]) => cidrOf(4, new Uint32Array([base + low, 0, 0, 0]), 32 - wider * 2));

const isInside = (one: Cidr, other: Cidr) =>
  one.prefix > other.prefix && cidrContains(other, { family: 4, words: one.words, text: one.text });
const texts = (cidrs: readonly Cidr[]) => cidrs.map(({ text }) => text).sort();

test('parents and children are those of a plain list, after any changes', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), range), { maxLength: 60 }), (steps) => {
      const tree = new PrefixTree<Cidr>();
      const plain = new Map<string, Cidr>();
      for (const [isAdded, cidr] of steps) {
        if (isAdded) {
          tree.set(cidr, cidr);
          plain.set(cidr.text, cidr);
        } else assert.equal(tree.delete(cidr), plain.delete(cidr.text));
        assert.equal(tree.size, plain.size);
        assert.equal(tree.get(cidr)?.text, plain.get(cidr.text)?.text);
        const wider = [...plain.values()].filter((one) => isInside(cidr, one));
        wider.sort((one, other) => other.prefix - one.prefix);
        assert.equal(tree.parent(cidr)?.text, wider[0]?.text);
        const inner = [...plain.values()].filter((one) => isInside(one, cidr));
        const top = inner.filter((one) => !inner.some((other) => isInside(one, other)));
        assert.deepEqual(texts(tree.children(cidr)), texts(top));
      }
      assert.deepEqual(texts(tree.values()), texts([...plain.values()]));
    }),
    propertySettings(t, 500),
  );
});
