/** The rewriter in short: fuel ends a loop, the cap ends growth, `weir:reset` takes back what was written. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { meterModule } from '#wasm/meter/meter-module.ts';
import { guest } from '../../support/hostile-guest.ts';
import { op } from '../../support/wasm-builder.ts';

type Metered = {
  'weir:fuel': { value: number };
  'weir:save': () => void;
  'weir:reset': () => number;
  weir_request_head: (view: number) => number;
  memory: WebAssembly.Memory;
};

function start(bytes: Uint8Array): Metered {
  const metered = meterModule(bytes, { fuelAtStart: 1_000, memoryPagesMax: 4, isolates: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(metered.bytes), {});
  return exports as unknown as Metered;
}

it('an endless loop traps when its fuel is used up', () => {
  const exports = start(guest([op.spin, op.const(0)]));
  exports['weir:fuel'].value = 100_000;
  assert.throws(() => exports.weir_request_head(0), WebAssembly.RuntimeError);
  assert(exports['weir:fuel'].value < 0 && exports['weir:fuel'].value > -10);
});

it('what a call wrote is taken back', () => {
  const exports = start(guest([op.const(5_000), op.const(77), op.store, op.const(0)]));
  exports['weir:save']();
  exports.weir_request_head(0);
  assert.equal(new Uint8Array(exports.memory.buffer)[5_000], 77);
  assert.equal(exports['weir:reset'](), 0);
  assert.equal(new Uint8Array(exports.memory.buffer)[5_000], 0);
});

it('a memory that has grown is told', () => {
  const exports = start(guest([op.const(1), op.grow]));
  exports['weir:save']();
  exports['weir:fuel'].value = 10_000;
  assert.equal(exports.weir_request_head(0), 1);
  assert.equal(exports['weir:reset'](), 1);
});
