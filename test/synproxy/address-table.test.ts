import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WeirError } from '#core/errors.ts';
import { AddressTable, bucketSlots, bucketsFor } from '#synproxy/address-table.ts';
import { needsBpf } from '../support/kernel-rights.ts';
import { propertySettings } from '../support/property.ts';
import { TestShield } from '../support/test-shield.ts';

const valueBytes = 8;

function tableOf(
  keyBytes: 4 | 16,
  entriesMax: number,
  seed = randomWords(16),
  slotsMax = bucketsFor(entriesMax) * bucketSlots,
): AddressTable {
  const slotBytes = keyBytes === 4 ? valueBytes : valueBytes + 16;
  return new AddressTable({ name: 'exact', keyBytes, valueBytes, entriesMax, fd: -1 }, () => ({
    tags: new Int32Array(slotsMax),
    slots: new Uint8Array(slotsMax * slotBytes),
    slotBytes,
    addressAt: keyBytes === 4 ? null : valueBytes,
    seed,
  }));
}

function randomWords(count: number): Uint32Array {
  return crypto.getRandomValues(new Uint32Array(count));
}

function numberBytes(number: number): Uint8Array {
  const value = Buffer.alloc(valueBytes);
  value.writeUInt32LE(number);
  return value;
}

/** Neighbours, as lists have them: number `n` of a range. */
function neighbour(keyBytes: 4 | 16, n: number): Buffer {
  const key = Buffer.alloc(keyBytes);
  key[0] = keyBytes === 4 ? 10 : 0x20;
  key.writeUIntBE(n, keyBytes - 3, 3);
  return key;
}

describe('a table of single addresses', () => {
  for (const keyBytes of [4, 16] as const) {
    const family = keyBytes === 4 ? 'IPv4' : 'IPv6';

    it(`${family}: answers as a plain map does, whatever comes and goes`, (test) => {
      const key = fc.integer({ min: 1, max: 60 });
      const step = fc.oneof(
        fc.record({ put: key, value: fc.nat(1_000_000) }),
        fc.record({ delete: key }),
      );
      fc.assert(
        fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
          const table = tableOf(keyBytes, 40);
          const model = new Map<number, number>();
          for (const one of steps) {
            if ('put' in one) {
              const isNew = !model.has(one.put);
              const put = () => table.update(neighbour(keyBytes, one.put), numberBytes(one.value));
              if (isNew && model.size === 40) assert.throws(put, { code: 'KERNEL_MAP_FULL' });
              else {
                put();
                model.set(one.put, one.value);
              }
            } else
              assert.equal(table.delete(neighbour(keyBytes, one.delete)), model.delete(one.delete));
          }
          const found = new Map<number, number>();
          for (const { key: at, value } of table.entries())
            found.set(
              Buffer.from(at).readUIntBE(keyBytes - 3, 3),
              Buffer.from(value).readUInt32LE(),
            );
          const sorted = (map: Map<number, number>) => [...map].sort(([a], [b]) => a - b);
          assert.deepEqual(sorted(found), sorted(model));
          const value = new Uint8Array(valueBytes);
          for (let n = 1; n <= 60; n++) {
            assert.equal(table.lookup(neighbour(keyBytes, n), value), model.has(n));
            if (model.has(n))
              assert.deepEqual(value, new Uint8Array(numberBytes(model.get(n) ?? 0)));
          }
        }),
        propertySettings(test, 100),
      );
    });

    it(`${family}: has room for as many neighbours as it was made for, and for no more`, () => {
      const entries = 100_000;
      const table = tableOf(keyBytes, entries);
      for (let n = 1; n <= entries; n++) table.update(neighbour(keyBytes, n), numberBytes(n));
      const value = Buffer.alloc(valueBytes);
      for (let n = 1; n <= entries; n += 7) {
        assert.ok(table.lookup(neighbour(keyBytes, n), value));
        assert.equal(value.readUInt32LE(), n);
      }
      assert.throws(
        () => table.update(neighbour(keyBytes, entries + 1), numberBytes(0)),
        (error) => error instanceof WeirError && /is full: 100000 entries/.test(error.message),
      );
      table.deleteBatch(neighbour(keyBytes, 5), 1);
      table.updateBatch(neighbour(keyBytes, entries + 1), numberBytes(1), 1);
      assert.equal(table.lookup(neighbour(keyBytes, 5), value), false);
    });
  }

  it('loses nobody where one makes room for another', () => {
    // A fixed seed: 1,400 of 1,728 slots in use, where many come to two full buckets.
    const seed = Uint32Array.from({ length: 16 }, (_, n) => Math.imul(n + 1, 0x9e3779b1) >>> 0);
    const slotsMax = bucketsFor(1_200) * bucketSlots;
    const table = tableOf(4, 1_400, seed, slotsMax);
    const keys = Array.from({ length: 1_400 }, (_, n) => neighbour(4, n + 1));
    for (const [index, key] of keys.entries()) table.update(key, numberBytes(index));
    const value = Buffer.alloc(valueBytes);
    for (const [index, key] of keys.entries()) {
      assert.ok(table.lookup(key, value));
      assert.equal(value.readUInt32LE(), index);
    }
    assert.equal([...table.entries()].length, keys.length);
  });

  it('is where the packet program looks', { skip: needsBpf() }, () => {
    using bench = new TestShield({ exact4: 3_000, exact6: 3_000 });
    bench.flags('exact');
    const listed = Array.from({ length: 6_000 }, (_, n) =>
      n % 2 === 0
        ? `198.18.${(n >> 8) & 255}.${n & 255}`
        : `2001:db8:${(n * 7).toString(16)}::${n.toString(16)}`,
    );
    for (const address of listed) bench.list(address, 'drop');
    for (const address of listed)
      assert.equal(bench.run({ from: address }).action, 'drop', address);
    for (const address of ['198.19.0.1', '2001:db8:7::2', '198.18.0.1', '2001:db8::'])
      assert.equal(bench.run({ from: address }).action, 'pass', address);
  });
});
