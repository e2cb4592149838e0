/** A trap in a metered module is led back to the instruction of the bytes as they came. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { meterModule } from '#wasm/meter/meter-module.ts';
import { assemble } from '../../support/wasm-text.ts';

const options = { fuelAtStart: 1_000_000, memoryPagesMax: 16, keepsOffsets: true } as const;

/** Offsets of the frames of whatever `name` throws, innermost first. */
function trapOffsets(bytes: Uint8Array, name: string): readonly number[] {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  try {
    (exports[name] as () => void)();
  } catch (error) {
    const frames = (error as Error).stack?.matchAll(/wasm-function\[\d+\]:0x([0-9a-f]+)/g) ?? [];
    return [...frames].map(([, offset = '']) => Number.parseInt(offset, 16));
  }
  return assert.fail('nothing was thrown');
}

const bytes = assemble({
  functions: [
    {
      name: 'nested',
      locals: ['i32'],
      code: `loop i32.const 8 i32.const 1 i32.store
        local.get 0 i32.const 1 i32.add local.tee 0 i32.const 5 i32.lt_u br_if 0 end call 1 call 2`,
    },
    { code: 'loop i32.const 16 i64.const 5 i64.store offset=8 end' },
    { code: 'i32.const 70000 i32.const 1 i32.store i32.const -1 i32.const 1 i32.store offset=9' },
    { name: 'gives up', code: 'loop end unreachable' },
    { name: 'endless', code: 'nop loop nop br 0 end' },
  ],
});

for (const isolates of [false, true]) {
  it(`of every frame${isolates ? ', isolated' : ''}`, () => {
    const { bytes: metered, offsets } = meterModule(bytes, { ...options, isolates });
    for (const name of ['nested', 'gives up']) {
      const expected = trapOffsets(bytes, name);
      assert(expected.length > 0);
      assert.deepEqual(
        trapOffsets(metered, name).map((offset) => offsets?.original(offset)),
        expected,
      );
    }
  });

  it(`of a loop that ran out of fuel, to the branch back${isolates ? ', isolated' : ''}`, () => {
    const { bytes: metered, offsets } = meterModule(bytes, { ...options, isolates });
    const [offset = 0] = trapOffsets(metered, 'endless');
    const place = offsets?.original(offset) ?? 0;
    assert.deepEqual([...bytes.subarray(place, place + 2)], [0x0c, 0]);
  });
}

it('nothing is known of what lies before the functions, nor without asking', () => {
  const { offsets } = meterModule(bytes, { ...options, isolates: true });
  assert.equal(offsets?.original(20), null);
  assert.equal(
    meterModule(bytes, { ...options, isolates: true, keepsOffsets: false }).offsets,
    null,
  );
});
