/** The dynamic table against the plainest model of RFC 7541 section 4: a list of pairs, newest first. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { DynamicTable } from '#proxy/http2/dynamic-table.ts';
import { propertySettings } from '../support/property.ts';

class Model {
  entries: [string, string][] = [];
  max = 4_096;

  insert(name: string, value: string): void {
    this.entries.unshift([name, value]);
    this.#evict();
  }

  setMax(max: number): void {
    this.max = max;
    this.#evict();
  }

  #evict(): void {
    const size = (): number =>
      this.entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    while (size() > this.max) this.entries.pop();
  }
}

const text = fc
  .noBias(fc.nat(400))
  .map((length) => 'abcdefghijklmnopqrstuvwxyz'.repeat(16).slice(0, length));
const step = fc.oneof(
  { weight: 200, arbitrary: fc.record({ name: text, value: text, tag: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ max: fc.nat(4_096) }) },
  { weight: 1, arbitrary: fc.constant({ max: 4_096 }) },
);

it('holds what the model holds, after any insertions and changes of size', (test) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 200, size: 'max' }), (steps) => {
      const table = new DynamicTable();
      const model = new Model();
      for (const one of steps) {
        if ('max' in one) {
          table.setMax(one.max);
          model.setMax(one.max);
        } else {
          const name = `${one.tag}${one.name}`;
          const bytes = Buffer.from(name + one.value);
          table.insert(bytes, 0, name.length, bytes, name.length, bytes.length);
          model.insert(name, one.value);
        }
        assert.deepEqual(contents(table), model.entries);
      }
    }),
    propertySettings(test, 100),
  );
});

function contents(table: DynamicTable): string[][] {
  return Array.from({ length: table.count }, (_, age) => {
    table.find(table.inserted - 1 - age);
    const { arena, start, nameEnd, end } = table;
    return [arena.toString('latin1', start, nameEnd), arena.toString('latin1', nameEnd, end)];
  });
}
