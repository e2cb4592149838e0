/** Nothing a call leaves behind is there for the next: not in memory, not in a global, wherever it was put. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { meterExport } from '#wasm/meter/meter-module.ts';
import { Metered, plentyOfFuel } from '../../support/metered.ts';
import { propertySettings } from '../../support/property.ts';
import { assemble, type ModuleText } from '../../support/wasm-text.ts';

const page = 65_536;
const granule = 4_096;

function isolated(spec: ModuleText, memoryPagesMax = 16): Metered {
  return new Metered(assemble(spec), { isolates: true, memoryPagesMax });
}

/** Every store there is, at an address and with a value. */
const stores: Readonly<Record<string, { code: string; bytes: number }>> = {
  'i32.store': { code: 'local.get 0 i32.const -1 i32.store', bytes: 4 },
  'i32.store with an offset': { code: 'local.get 0 i32.const -1 i32.store offset=4000', bytes: 4 },
  'i64.store': { code: 'local.get 0 i64.const -1 i64.store', bytes: 8 },
  'f32.store': { code: 'local.get 0 f32.const 1 1 1 1 f32.store', bytes: 4 },
  'f64.store': { code: 'local.get 0 f64.const 1 1 1 1 1 1 1 1 f64.store', bytes: 8 },
  'i32.store8': { code: 'local.get 0 i32.const -1 i32.store8', bytes: 1 },
  'i32.store16': { code: 'local.get 0 i32.const -1 i32.store16', bytes: 2 },
  'i64.store8': { code: 'local.get 0 i64.const -1 i64.store8', bytes: 1 },
  'i64.store16': { code: 'local.get 0 i64.const -1 i64.store16', bytes: 2 },
  'i64.store32': { code: 'local.get 0 i64.const -1 i64.store32', bytes: 4 },
  'v128.store': { code: 'local.get 0 i32.const -1 i8x16.splat v128.store', bytes: 16 },
  'v128.store32_lane': {
    code: 'local.get 0 i32.const -1 i8x16.splat v128.store32_lane 3',
    bytes: 4,
  },
  'memory.fill': { code: 'local.get 0 i32.const 255 i32.const 5000 memory.fill 0', bytes: 5_000 },
  'memory.copy': {
    code: `i32.const ${page} i32.const 1 i32.store
      local.get 0 i32.const ${page} i32.const 9000 memory.copy 0 0`,
    bytes: 9_000,
  },
  'memory.init': { code: 'local.get 0 i32.const 1 i32.const 5 memory.init 1 0', bytes: 5 },
};

describe('what is written is taken back, written by', () => {
  for (const [name, { code, bytes }] of Object.entries(stores)) {
    it(name, () => {
      const metered = isolated({
        memory: [3],
        passiveData: ['secret'],
        data: [{ at: 100, text: 'from the start' }],
        functions: [{ name: 'f', parameters: ['i32'], code }],
      });
      metered.save();
      const before = Buffer.from(metered.memory);
      const highest = 3 * page - bytes - (name.includes('offset') ? 4_000 : 0);
      // On a granule, across its border at each distance, at both ends of memory.
      const places = [0, 1, 100, highest, highest - 1];
      for (let distance = 0; distance <= 17; distance++) places.push(2 * granule - distance);
      for (const at of places) {
        metered.call('f', at);
        assert.notEqual(Buffer.compare(metered.memory, before), 0, `nothing was written at ${at}`);
        assert.equal(metered.reset(), 0);
        assert.equal(Buffer.compare(metered.memory, before), 0, `something is left of ${at}`);
      }
    });
  }

  it('the host, which says so', () => {
    const metered = isolated({ memory: [2], functions: [] });
    metered.save();
    const before = Buffer.from(metered.memory);
    for (const [at, length] of [
      [0, 1],
      [granule - 1, 2],
      [5, 3 * granule],
      [2 * page - 1, 1],
      [0, 2 * page],
    ] as const) {
      metered.memory.fill(7, at, at + length);
      metered.touch(at, length);
      assert.equal(metered.reset(), 0);
      assert.equal(Buffer.compare(metered.memory, before), 0, `${length} bytes at ${at}`);
    }
  });
});

describe('the host marks', () => {
  it('nothing with a length of 0, wherever it is', () => {
    const metered = isolated({ functions: [] });
    metered.save();
    metered.touch(page, 0);
    metered.touch(0xffff_ffff, 0);
    assert.equal(metered.reset(), 0);
  });

  it('nothing beyond the memory: that is a mistake, and traps', () => {
    const metered = isolated({ functions: [] });
    metered.save();
    for (const [at, length] of [
      [page, 1],
      [page - 1, 2],
      [0xffff_ffff, 0xffff_ffff],
      [0, page + 1],
      [0x8000_0000, 0x8000_0000],
    ] as const)
      assert.throws(() => metered.touch(at, length), /unreachable/, `${length} at ${at}`);
    assert.equal(metered.reset(), 0);
  });
});

describe('a guest that tries to remember', () => {
  it('in globals of every type', () => {
    const metered = isolated({
      globals: [
        { type: 'i32', value: 'i32.const 11' },
        { type: 'i64', value: 'i64.const 22' },
        { type: 'f32', value: 'f32.const 0 0 128 63' },
        { type: 'f64', value: 'f64.const 0 0 0 0 0 0 240 63' },
        { type: 'i32', value: 'i32.const 5', mutable: false },
        { type: 'funcref', value: 'ref.null 0x70' },
        { type: 'externref', value: 'ref.null 0x6f' },
        { type: 'v128', value: 'v128.const 1 2 3 4 0 0 0 0 0 0 0 0 0 0 0 0' },
      ],
      functions: [
        {
          name: 'f',
          results: ['i32', 'i64', 'f32', 'f64', 'funcref', 'i32'],
          code: `global.get 0 global.get 1 global.get 2 global.get 3 global.get 5
            global.get 7 i32x4.extract_lane 0
            i32.const 99 global.set 0 i64.const 99 global.set 1
            f32.const 1 1 1 1 global.set 2 f64.const 1 1 1 1 1 1 1 1 global.set 3
            ref.func 0 global.set 5 i32.const 9 i8x16.splat global.set 7`,
        },
      ],
    });
    metered.save();
    const saved = metered.call('f') as unknown[];
    assert.deepEqual(saved, [11, 22n, 1, 1, null, 0x0403_0201]);
    assert.equal((metered.call('f') as unknown[])[0], 99);
    assert.equal(metered.reset(), 0);
    assert.deepEqual(metered.call('f'), saved);
  });

  it('in what configure left, which stays', () => {
    const metered = isolated({
      globals: [{ type: 'i32', value: 'i32.const 0' }],
      functions: [
        { name: 'configure', code: 'i32.const 7 global.set 0 i32.const 64 i32.const 8 i32.store' },
        {
          name: 'f',
          results: ['i32', 'i32'],
          code: `global.get 0 i32.const 64 i32.load
            i32.const 1 global.set 0 i32.const 64 i32.const 2 i32.store`,
        },
      ],
    });
    metered.call('configure');
    metered.save();
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(metered.call('f'), [7, 8]);
      assert.equal(metered.reset(), 0);
    }
  });

  it('on a heap that it moves upwards', () => {
    // An allocator: the global is where the next block begins.
    const metered = isolated({
      memory: [4],
      globals: [{ type: 'i32', value: 'i32.const 1024' }],
      functions: [
        {
          name: 'remember',
          parameters: ['i32'],
          results: ['i32'],
          code: `global.get 0 i32.const 5000 i32.add global.set 0
            global.get 0 local.get 0 i32.store global.get 0`,
        },
        { name: 'recall', parameters: ['i32'], results: ['i32'], code: 'local.get 0 i32.load' },
      ],
    });
    metered.save();
    const places: unknown[] = [];
    for (const secret of [1_111, 2_222, 3_333]) {
      const at = metered.call('remember', secret) as number;
      assert.equal(metered.call('recall', at), secret);
      places.push(at);
      assert.equal(metered.reset(), 0);
      assert.equal(metered.call('recall', at), 0);
    }
    assert.deepEqual(places, [6_024, 6_024, 6_024]);
  });

  it('in memory it grows: the host is told to replace the instance', () => {
    const metered = isolated({
      functions: [
        { name: 'grow', parameters: ['i32'], results: ['i32'], code: 'local.get 0 memory.grow 0' },
        { name: 'put', parameters: ['i32'], code: 'local.get 0 i32.const 5 i32.store' },
      ],
    });
    metered.save();
    assert.equal(metered.call('grow', 0), 1);
    assert.equal(metered.reset(), 0, 'growing by nothing is no growth');
    assert.equal(metered.call('grow', 15), 1);
    // The last word of the largest memory has its mark.
    metered.call('put', 16 * page - 4);
    assert.equal(metered.reset(), 1);
    assert.equal(metered.reset(), 1, 'and stays so');
  });

  it('by a store that fails: no mark outside the map', () => {
    const metered = isolated({
      functions: [
        { name: 'put', parameters: ['i32'], code: 'local.get 0 i32.const -1 i32.store' },
        {
          name: 'far',
          parameters: ['i32'],
          code: 'local.get 0 i32.const -1 i32.store offset=4294967295',
        },
        {
          name: 'fill',
          parameters: ['i32'],
          code: 'local.get 0 i32.const 1 i32.const -1 memory.fill 0',
        },
      ],
    });
    metered.save();
    const before = Buffer.from(metered.memory);
    for (const at of [page - 3, page, -1, -4, 0x7fff_ffff]) {
      for (const name of ['put', 'far', 'fill']) {
        metered.fuel = plentyOfFuel;
        assert.throws(() => metered.call(name, at), /out of bounds/);
      }
    }
    assert.equal(metered.reset(), 0);
    assert.equal(Buffer.compare(metered.memory, before), 0);
  });

  it('before the first weir:save: the host is told', () => {
    assert.equal(isolated({ functions: [] }).reset(), 1);
  });
});

it('weir:save again takes what is there now as the state to go back to', () => {
  const metered = isolated({
    memory: [1],
    functions: [
      { name: 'put', parameters: ['i32', 'i32'], code: 'local.get 0 local.get 1 i32.store' },
      { name: 'grow', results: ['i32'], code: 'i32.const 1 memory.grow 0' },
    ],
  });
  metered.save();
  metered.call('put', 8, 1);
  metered.call('grow');
  assert.equal(metered.reset(), 1);
  metered.save();
  metered.call('put', 8, 2);
  metered.call('put', page + 8, 3);
  assert.equal(metered.reset(), 0);
  assert.equal(metered.memory.readUInt32LE(8), 1);
  assert.equal(metered.memory.readUInt32LE(page + 8), 0);
});

it('fuel is not put back', () => {
  const metered = isolated({ functions: [{ name: 'f', code: 'nop' }] });
  metered.save();
  metered.fuel = 100;
  metered.call('f');
  metered.reset();
  assert.equal(metered.fuel, 98);
});

it('a module without a memory has its globals put back', () => {
  const metered = isolated({
    memory: null,
    globals: [{ type: 'i32', value: 'i32.const 3' }],
    functions: [{ name: 'f', results: ['i32'], code: 'global.get 0 i32.const 4 global.set 0' }],
  });
  metered.save();
  assert.equal(metered.call('f'), 3);
  metered.touch(5, 5);
  assert.equal(metered.reset(), 0);
  assert.equal(metered.call('f'), 3);
});

it('without isolation nothing but the fuel is added', () => {
  const metered = new Metered(assemble({ functions: [{ name: 'f', code: '' }] }));
  assert.deepEqual(Object.keys(metered.exports), [
    'f',
    'memory',
    meterExport.fuel,
    meterExport.refuel,
  ]);
});

it('any stores in any order at any place are taken back', (test) => {
  const names = Object.keys(stores);
  const metered = isolated({
    memory: [3],
    passiveData: ['secret'],
    data: [{ at: 5, text: 'x'.repeat(127) }],
    functions: Object.values(stores).map(({ code }, index) => ({
      name: `f${index}`,
      parameters: ['i32'],
      code,
    })),
  });
  metered.save();
  const before = Buffer.from(metered.memory);
  const write = fc.tuple(fc.nat(names.length - 1), fc.nat(3 * page - 9_000));
  fc.assert(
    fc.property(fc.array(write, { maxLength: 12 }), (writes) => {
      for (const [which, at] of writes) metered.call(`f${which}`, at);
      assert.equal(metered.reset(), 0);
      assert.equal(Buffer.compare(metered.memory, before), 0);
    }),
    propertySettings(test, 300),
  );
});
