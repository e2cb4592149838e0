/** Values and counts of modules: expiry, bounds, and tables that see the same writes in any order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bytesMax, entriesMax, ValueTable, type Write } from '#wasm/services/value-table.ts';
import { countKeysMax, WindowCounts } from '#wasm/services/window-counts.ts';
import { propertySettings } from '../support/property.ts';

const forever = Number.POSITIVE_INFINITY;
const write = (key: string, value: string | null, changes: Partial<Write> = {}): Write => ({
  key,
  value: value === null ? null : Buffer.from(value),
  expiresAtMs: forever,
  writtenAtMs: 1,
  writer: 0,
  ...changes,
});

describe('a value', () => {
  it('is there until its time, and not at it', () => {
    const table = new ValueTable(() => {});
    table.apply(write('k', 'v', { expiresAtMs: 100 }), 0);
    assert.equal(table.get('k', 99)?.toString(), 'v');
    assert.equal(table.get('k', 100), undefined);
    assert.equal(table.size, 0);
    assert.equal(table.bytes, 0);
  });

  it('that was written later stays, whichever comes first', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const writes = [write('k', 'old'), write('k', 'new', { writtenAtMs: 2 })];
      const table = new ValueTable(() => {});
      for (const index of order) table.apply(writes[index] as Write, 0);
      assert.equal(table.get('k', 0)?.toString(), 'new');
    }
  });

  it('that was deleted is not brought back by a write from before', () => {
    const table = new ValueTable(() => {});
    table.apply(write('k', null, { writtenAtMs: 5 }), 5);
    assert.equal(table.apply(write('k', 'late', { writtenAtMs: 4 }), 6), false);
    assert.equal(table.get('k', 6), undefined);
    assert.equal(table.apply(write('k', 'anew', { writtenAtMs: 6 }), 6), true);
    assert.equal(table.get('k', 6)?.toString(), 'anew');
  });

  it('larger than the table is refused', () => {
    const table = new ValueTable(() => {});
    assert.equal(table.apply({ ...write('k', ''), value: Buffer.alloc(bytesMax) }, 0), false);
    assert.equal(table.size, 0);
  });
});

describe('a table', () => {
  it('holds 10,000 entries; the oldest that nobody asked for goes, and is counted', () => {
    let evicted = 0;
    const table = new ValueTable(() => evicted++);
    for (let i = 0; i < entriesMax; i++) table.apply(write(`k${i}`, 'v'), 0);
    assert.equal(evicted, 0);
    table.get('k0', 0);
    table.apply(write('more', 'v'), 0);
    assert.equal(table.size, entriesMax);
    assert.equal(evicted, 1);
    assert.notEqual(table.get('k0', 0), undefined);
    assert.equal(table.get('k1', 0), undefined);
  });

  it('holds 4 MiB, what an entry takes beside its value included', () => {
    let evicted = 0;
    const table = new ValueTable(() => evicted++);
    const value = Buffer.alloc(65_536);
    for (let i = 0; i < 100; i++) table.apply({ ...write(`k${i}`, ''), value }, 0);
    assert.ok(table.bytes <= bytesMax);
    assert.equal(table.size, 63);
    assert.equal(evicted, 37);
  });

  it('finds an end even where everything was asked for', () => {
    const table = new ValueTable(() => {});
    for (let i = 0; i < entriesMax; i++) {
      table.apply(write(`k${i}`, 'v'), 0);
      table.get(`k${i}`, 0);
    }
    table.apply(write('more', 'v'), 0);
    assert.equal(table.size, entriesMax);
  });

  it('drops what has expired by and by, without being asked', () => {
    const table = new ValueTable(() => assert.fail('nothing that still counts'));
    for (let i = 0; i < 100; i++)
      table.apply(write(`k${i}`, 'v', { expiresAtMs: i % 2 === 0 ? 10 : forever }), 0);
    for (let i = 0; i < 4; i++) table.sweep(10, 40);
    assert.equal(table.size, 50);
  });

  it('ends up the same as another that saw the same writes in another order', (test) => {
    const anyWrite = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.option(fc.string().map((text) => Buffer.from(text))),
      expiresAtMs: fc.constant(forever),
      writtenAtMs: fc.integer({ min: 1, max: 5 }),
      writer: fc.integer({ min: 0, max: 3 }),
    });
    // One writer writes once at a time; the store sees to that.
    const writes = fc.uniqueArray(anyWrite, {
      selector: ({ key, writtenAtMs, writer }) => `${key} ${writtenAtMs} ${writer}`,
      maxLength: 20,
    });
    const shuffled = writes.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(shuffled, ([first, second]) => {
        const contents = [first, second].map((list) => {
          const table = new ValueTable(() => {});
          for (const each of list) table.apply(each, 10);
          return ['a', 'b', 'c'].map((key) => table.get(key, 10)?.toString('hex'));
        });
        assert.deepEqual(contents[0], contents[1]);
      }),
      propertySettings(test, 500),
    );
  });
});

describe('a count over a window', () => {
  it('reaches into the window before, less and less of it', () => {
    const counts = new WindowCounts(() => {});
    for (let i = 0; i < 40; i++) counts.add('k', 1, 1_000, 10_000);
    assert.equal(counts.add('k', 0, 1_000, 10_999), 40);
    assert.equal(counts.add('k', 0, 1_000, 11_000), 40);
    assert.equal(counts.add('k', 9, 1_000, 11_500), 29);
    assert.equal(counts.add('k', 0, 1_000, 11_999), 9);
    assert.equal(counts.add('k', 0, 1_000, 13_000), 0);
  });

  it('is none of another key or window, and never below zero', () => {
    const counts = new WindowCounts(() => {});
    counts.add('k', 5, 1_000, 0);
    assert.equal(counts.add('k', 1, 2_000, 0), 1);
    assert.equal(counts.add('l', 1, 1_000, 0), 1);
    assert.equal(counts.add('k', -9, 1_000, 0), 0);
  });

  it('goes on where the clock was set back a little, and begins anew where it was much', () => {
    const counts = new WindowCounts(() => {});
    counts.add('k', 4, 1_000, 9_500);
    counts.add('k', 5, 1_000, 10_100);
    assert.equal(counts.add('k', 1, 1_000, 9_900), 10);
    assert.equal(counts.add('k', 1, 1_000, 5_000), 1);
  });

  it('takes in what others counted, in the window in which they did', () => {
    const counts = new WindowCounts(() => {});
    counts.add('k', 1, 1_000, 11_000);
    const delta = { key: 'k', windowMs: 1_000, delta: 10 };
    counts.addDelta({ ...delta, index: 10 }, 11_000);
    assert.equal(counts.add('k', 0, 1_000, 11_000), 11);
    assert.equal(counts.add('k', 0, 1_000, 11_500), 6);
    counts.addDelta({ ...delta, index: 9 }, 11_500);
    assert.equal(counts.add('k', 0, 1_000, 11_500), 6);
    counts.addDelta({ ...delta, index: 11 }, 11_500);
    assert.equal(counts.add('k', 0, 1_000, 11_500), 16);
  });

  it('holds 65,536 keys; one whose window is over goes before one that counts', () => {
    let evicted = 0;
    const counts = new WindowCounts(() => evicted++);
    for (let i = 0; i < countKeysMax; i++) counts.add(`k${i}`, 1, 1_000, i < 10 ? 0 : 60_000);
    counts.add('one more', 1, 1_000, 60_000);
    assert.equal(counts.size, countKeysMax);
    assert.equal(evicted, 0);
    for (let i = 0; i < 10; i++) counts.add(`more ${i}`, 1, 1_000, 60_000);
    assert.equal(evicted, 1);
  });

  it('hands on what it holds', () => {
    const counts = new WindowCounts(() => {});
    counts.add('a\0b', 3, 1_000, 10_000);
    counts.add('a\0b', 4, 1_000, 11_000);
    const copy = new WindowCounts(() => {});
    for (const delta of counts.deltas(11_000)) copy.addDelta(delta, 11_000);
    assert.equal(copy.add('a\0b', 0, 1_000, 11_250), counts.add('a\0b', 0, 1_000, 11_250));
    assert.deepEqual([...counts.deltas(60_000)], []);
  });
});
