/** A second export that takes the fuel of the call: the same function, one step over the border. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { meterModule } from '#wasm/meter/meter-module.ts';
import { outlineLimits } from '#wasm/meter/module-outline.ts';
import { Metered } from '../../support/metered.ts';
import { assemble } from '../../support/wasm-text.ts';

const mixed = assemble({
  functions: [
    {
      name: 'mixed',
      parameters: ['i32', 'i64', 'f64'],
      results: ['i64'],
      code: 'local.get 1 local.get 1 i64.add',
    },
    { name: 'pair', results: ['i32', 'i32'], code: 'i32.const 7 i32.const 8' },
    { name: 'endless', code: 'loop br 0 end' },
  ],
});
const doors = { fuelledExports: ['mixed', 'pair', 'endless', 'missing'] };

it('takes what the function takes, and gives what it gives', () => {
  const metered = new Metered(mixed, doors);
  assert.equal(metered.call('weir:call:mixed', 1_000, 1, 2n, 3), 4n);
  assert.deepEqual(metered.call('weir:call:pair', 1_000), [7, 8]);
  const cost = metered.costOf('mixed', 1, 2n, 3);
  metered.call('weir:call:mixed', 1_000, 1, 2n, 3);
  assert.equal(metered.fuel, 1_000 - cost);
});

it('begins with that fuel and no other', () => {
  const metered = new Metered(mixed, doors);
  assert.throws(() => metered.call('weir:call:endless', 5_000), /unreachable/);
  assert(metered.fuel < 0 && metered.fuel > -100);
  assert.throws(() => metered.call('weir:call:mixed', 0, 1, 2n, 3), /unreachable/);
});

it('is there for functions of the module alone', () => {
  const { exports } = new Metered(mixed, doors);
  const names = Object.keys(exports).filter((name) => name.startsWith('weir:call:'));
  assert.deepEqual(names, ['weir:call:mixed', 'weir:call:pair', 'weir:call:endless']);
});

it('takes as many parameters as a function may have', () => {
  const count = outlineLimits.parametersMax;
  const bytes = assemble({
    functions: [
      {
        name: 'f',
        parameters: Array.from({ length: count }, () => 'i32' as const),
        results: ['i32'],
        code: `local.get ${count - 1}`,
      },
    ],
  });
  const metered = new Metered(bytes, { fuelledExports: ['f'] });
  const values = Array.from({ length: count }, (_, index) => index);
  assert.equal(metered.call('weir:call:f', 1_000, ...values), count - 1);
});

it('is no place in the module as it came', () => {
  const options = { fuelAtStart: 0, memoryPagesMax: 16, isolates: false, keepsOffsets: true };
  const { bytes, offsets } = meterModule(mixed, { ...options, ...doors });
  assert.equal(offsets?.original(bytes.length - 1), null);
});
