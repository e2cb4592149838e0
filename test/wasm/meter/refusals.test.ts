/** What the rewriter does not take: each is refused with what it is and what to do, and nothing else happens. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MeterFault } from '#wasm/meter/meter-fault.ts';
import { meterModule } from '#wasm/meter/meter-module.ts';
import { Metered } from '../../support/metered.ts';
import { assemble, assembleCode, leb, section, vector } from '../../support/wasm-text.ts';

const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const options = { fuelAtStart: 1_000, memoryPagesMax: 16, isolates: false } as const;

/** A module of one function of type 0, with other sections around its code. */
function around(
  code: readonly number[],
  before: readonly (readonly number[])[] = [],
  locals: readonly number[] = [0],
): Uint8Array {
  const body = [...locals, ...code, 0x0b];
  return Uint8Array.from([
    ...header,
    ...section(1, vector([[0x60, 0, 0]])),
    ...section(3, [1, 0]),
    ...before.flat(),
    ...section(10, vector([[...leb(body.length), ...body]])),
  ]);
}

function only(...sections: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from([...header, ...sections.flat()]);
}

const memoryOf = (...limits: readonly number[]): number[] => section(5, [1, ...limits]);
const importing = (...description: readonly number[]): Uint8Array =>
  only(section(2, [1, 4, ...Buffer.from('host'), 1, 0x78, ...description]));

const refused: readonly (readonly [name: string, bytes: Uint8Array, message: RegExp])[] = [
  ['no bytes', Uint8Array.from([]), /is empty/],
  ['text', Buffer.from('(module)'), /is no WebAssembly/],
  [
    'a component',
    only([]).with(4, 0x0d).with(6, 1),
    /a component has to be loaded as its core module/,
  ],
  ['a section that is cut short', only([1, 50, 1]), /section 1 announces 50 bytes, 1 are there/],
  [
    'a section twice',
    only(section(1, [0]), section(1, [0])),
    /section 1 is repeated or out of order/,
  ],
  ['sections out of order', only(section(3, [0]), section(1, [0])), /section 1 is repeated or out/],
  ['an unknown section', only(section(99, [0])), /the unknown number 99/],
  ['bytes behind an item', only(section(1, [0, 0])), /section 1 has bytes behind its last item/],
  ['exceptions, declared', only(section(13, [0])), /exceptions \(tag section\)/],
  ['exceptions, thrown', around([0x08, 0]), /byte \d+: uses exceptions: build without exception/],
  ['exceptions, caught', around([0x1f, 0x40, 0, 0x0b]), /uses exceptions/],
  [
    'atomics',
    around([0xfe, 0x10, 2, 0], [memoryOf(3, 1, 1)]),
    /has a shared memory: build without threads/,
  ],
  [
    'atomics on a memory of its own',
    around([0xfe, 0x10, 2, 0], [memoryOf(0, 1)]),
    /uses threads: build/,
  ],
  ['calls by reference', around([0x14, 0]), /uses typed references or garbage-collected types/],
  ['structs', around([0xfb, 0, 0]), /uses typed references or garbage-collected types/],
  [
    'a struct type',
    only(section(1, [1, 0x5f, 0])),
    /form 0x5f, which is no function: build without GC/,
  ],
  ['recursive types', only(section(1, [1, 0x4e, 0])), /form 0x4e/],
  ['a typed reference', only(section(1, [1, 0x60, 1, 0x64, 0, 0])), /a value of type 0x64/],
  ['a block with a typed reference', around([0x02, 0x63, 0, 0x0b]), /a value of type 0x63/],
  ['a block of an unknown type', around([0x02, 5, 0x0b]), /a block has the unknown type 5/],
  [
    'a block of a padded negative type',
    around([0x02, 0xff, 0x7f, 0x0b]),
    /a block has the unknown type 16383/,
  ],
  ['a null of a typed reference', around([0xd0, 0x6e, 0x1a]), /a value of type 0x6e/],
  ['an unknown opcode', around([0x27]), /the opcode 0x27, which this Weir does not know/],
  ['an unknown bulk opcode', around([0xfc, 18]), /the opcode 0xfc 18/],
  ['an unknown SIMD opcode', around([0xfd, 0xa0, 0x02]), /the opcode 0xfd 288/],
  ['a 64-bit memory', only(memoryOf(4, 1)), /a 64-bit memory: build for wasm32/],
  ['a shared memory', only(memoryOf(3, 1, 1)), /a shared memory: build without threads/],
  ['pages of another size', only(memoryOf(8, 1, 0)), /a memory with unknown flags 8/],
  ['two memories', only(section(5, [2, 0, 1, 0, 1])), /has 2 memories: exactly one is allowed/],
  [
    'an access by the number of its memory',
    around([0x41, 0, 0x28, 0x40, 0, 0, 0x1a], [memoryOf(0, 1)]),
    /names a memory by number: build without multi-memory/,
  ],
  [
    'a memory that begins above the cap',
    only(memoryOf(0, 17)),
    /begins with a memory of 17 pages: at most 16 are allowed \(memoryPagesMax\)/,
  ],
  ['a 64-bit table', only(section(4, [1, 0x70, 4, 1])), /a 64-bit table/],
  [
    'a large table',
    only(section(4, [1, 0x70, 0, ...leb(10_001)])),
    /a table of 10001 elements: at most 10000/,
  ],
  [
    'many tables',
    only(section(4, vector(Array.from({ length: 17 }, () => [0x70, 0, 0])))),
    /has 17 tables: at most 16/,
  ],
  [
    'a table with an initialiser',
    only(section(4, [1, 0x40, 0, 0x70, 0, 1, 0xd0, 0x70, 0x0b])),
    /a table with an initialiser/,
  ],
  [
    'an imported memory',
    importing(2, 0, 1),
    /imports the memory host\.x: only functions may be imported/,
  ],
  ['an imported table', importing(1, 0x70, 0, 1), /imports the table host\.x/],
  ['an imported global', importing(3, 0x7f, 1), /imports the global host\.x/],
  ['an imported tag', importing(4, 0, 0), /imports the something unknown host\.x/],
  [
    'a name of ours',
    assemble({ functions: [{ name: 'weir:fuel', code: '' }] }),
    /exports weir:fuel: names that begin with weir: are Weir's own/,
  ],
  ['a name that is not UTF-8', only(section(7, [1, 1, 0xff, 0, 0])), /a name is not UTF-8/],
  ['a name without end', only(section(7, [1, ...leb(2_000), 0])), /a name has 2000 bytes: at most/],
  ['many locals', around([], [], [2, ...leb(50_000), 0x7f, 1, 0x7f]), /more than 50000 locals/],
  [
    'locals whose number wraps',
    around([], [], [2, ...leb(0xffff_ffff), 0x7f, 1, 0x7f]),
    /more than 50000 locals/,
  ],
  [
    'deep blocks',
    around([
      ...Array.from({ length: 5_000 }, () => [0x02, 0x40]).flat(),
      ...Array.from({ length: 5_000 }, () => 0x0b),
    ]),
    /nested deeper than 4096/,
  ],
  [
    'a long function',
    around(Array.from({ length: 1_048_576 }, () => 0x01)),
    /a function has 1048578 bytes: at most 1048576/,
  ],
  [
    'many parameters',
    only(section(1, [1, 0x60, ...leb(129), ...Array.from({ length: 129 }, () => 0x7f), 0])),
    /129 parameters in a function type: at most 128/,
  ],
  [
    'many functions',
    only(section(1, [1, 0x60, 0, 0]), section(3, leb(100_001))),
    /has 100001 functions: at most 100000/,
  ],
  ['many imports', only(section(2, leb(1_001))), /has 1001 imports: at most 1000/],
  [
    'functions without code',
    only(section(1, [1, 0x60, 0, 0]), section(3, [1, 0])),
    /declares 1 functions and has the code of 0/,
  ],
  ['a body that ends early', around([0x0b]), /a function has bytes behind its end/],
  [
    'a body without end',
    Uint8Array.from([
      ...header,
      ...section(1, [1, 0x60, 0, 0]),
      ...section(3, [1, 0]),
      ...section(10, [1, 2, 0, 0x01]),
    ]),
    /ends in the middle of an item/,
  ],
  [
    'a number that is too long',
    around([0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x1a]),
    /longer than 5 bytes/,
  ],
  [
    'an index that is too large',
    around([0x10, 0xff, 0xff, 0xff, 0xff, 0x1f]),
    /longer than 32 bits/,
  ],
  ['a type error', around([0x6a]), /is not valid WebAssembly: .*not enough arguments on the stack/],
  [
    'a global it does not have',
    around([0x41, 0, 0x24, 0]),
    /is not valid WebAssembly: .*[Ii]nvalid global index: 0/,
  ],
  [
    'a function it does not have',
    around([0x10, 1]),
    /is not valid WebAssembly: .*function index #1 is out of bounds/,
  ],
  [
    'a local it does not have',
    around([0x20, 0, 0x1a]),
    /is not valid WebAssembly: .*[Ii]nvalid local index: 0/,
  ],
  [
    'an element of an unknown form',
    only(section(4, [1, 0x70, 0, 1]), section(9, [1, 8])),
    /an element segment has the unknown form 8/,
  ],
  [
    'an unknown constant expression',
    only(section(6, [1, 0x7f, 0, 0xfb, 0, 0x0b])),
    /a constant expression has the opcode 0xfb/,
  ],
];

describe('a module is refused with', () => {
  for (const [name, bytes, message] of refused) {
    it(name, () => {
      assert.throws(
        () => meterModule(bytes, options),
        (error: unknown) => {
          assert(error instanceof MeterFault, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('more bytes than are read', () => {
    assert.throws(() => meterModule(new Uint8Array(33 * 2 ** 20), options), /at most 33554432/);
  });
});

describe('an isolated module is refused with', () => {
  const kept: Readonly<Record<string, string>> = {
    'table.set': 'i32.const 0 ref.null 0x70 table.set 0',
    'table.fill': 'i32.const 0 ref.null 0x70 i32.const 1 table.fill 0',
    'table.copy': 'i32.const 0 i32.const 0 i32.const 1 table.copy 0 0',
    'table.init': 'i32.const 0 i32.const 0 i32.const 1 table.init 0 0',
    'table.grow': 'ref.null 0x70 i32.const 1 table.grow 0 drop',
    'elem.drop': 'elem.drop 0',
    'data.drop': 'data.drop 0',
  };
  for (const [name, code] of Object.entries(kept)) {
    it(`${name}, which is taken otherwise`, () => {
      const bytes = assemble({
        tables: [[2, 4]],
        passiveElements: [[0]],
        passiveData: ['x'],
        functions: [{ name: 'f', code }],
      });
      new Metered(bytes).call('f');
      assert.throws(
        () => meterModule(bytes, { ...options, isolates: true }),
        /which would outlast the request: keep data in memory/,
      );
    });
  }
});

describe('sizes', () => {
  const grow = `local.get 0 memory.grow 0`;
  const spec = (memory: readonly [number, number?]): Uint8Array =>
    assemble({
      memory,
      functions: [{ name: 'grow', parameters: ['i32'], results: ['i32'], code: grow }],
    });

  it('a memory without a maximum has the cap', () => {
    const metered = new Metered(spec([1]), { memoryPagesMax: 3 });
    assert.equal(metered.call('grow', 2), 1);
    assert.equal(metered.call('grow', 1), -1);
    assert.equal(metered.memory.length, 3 * 65_536);
  });

  it('a maximum above the cap is the cap, one below stays', () => {
    assert.equal(new Metered(spec([1, 100]), { memoryPagesMax: 3 }).call('grow', 3), -1);
    assert.equal(new Metered(spec([1, 2]), { memoryPagesMax: 3 }).call('grow', 2), -1);
    assert.equal(new Metered(spec([1, 2]), { memoryPagesMax: 3 }).call('grow', 1), 1);
  });

  it('the host cannot grow it beyond the cap either', () => {
    const memory = new Metered(spec([1]), { memoryPagesMax: 3 }).exports['memory'];
    assert(memory instanceof WebAssembly.Memory);
    assert.throws(() => memory.grow(3), RangeError);
  });

  it('a table grows to its cap', () => {
    const metered = new Metered(
      assemble({
        tables: [[1]],
        functions: [
          {
            name: 'grow',
            parameters: ['i32'],
            results: ['i32'],
            code: 'ref.null 0x70 local.get 0 table.grow 0',
          },
        ],
      }),
    );
    assert.equal(metered.call('grow', 9_999), 1);
    assert.equal(metered.call('grow', 1), -1);
  });

  it('what is known of a module is told', () => {
    const bytes = assemble({
      imports: [{ name: 'log' }],
      memory: [2, 100],
      tables: [[3], [4, 5]],
      functions: [
        { name: 'f', code: 'loop call 2 end call 0' },
        { code: 'nop' },
        { name: 'g', code: 'loop end loop end' },
      ],
      start: 3,
    });
    assert.deepEqual(meterModule(bytes, options).facts, {
      functions: 3,
      loops: 3,
      prepaid: 1,
      memoryPages: { initial: 2, maximum: 16 },
      tableElements: { initial: 7, maximum: 10_005 },
      imports: [{ module: 'host', name: 'log', kind: 'function', type: '()->()' }],
      exports: [
        { name: 'f', kind: 'function', index: 1 },
        { name: 'g', kind: 'function', index: 3 },
        { name: 'memory', kind: 'memory', index: 0 },
        { name: 'table', kind: 'table', index: 0 },
      ],
      hasStart: true,
    });
  });

  it('names of functions are kept, sections that speak of places are not', () => {
    const custom = (name: string): number[] =>
      section(0, [name.length, ...Buffer.from(name), 1, 2, 3]);
    const plain = [...assemble({ functions: [{ name: 'f', code: '' }] })];
    const bytes = Uint8Array.from([...plain, ...custom('sourceMappingURL'), ...custom('name')]);
    const metered = new WebAssembly.Module(meterModule(bytes, options).bytes);
    assert.equal(WebAssembly.Module.customSections(metered, 'name').length, 1);
    assert.equal(WebAssembly.Module.customSections(metered, 'sourceMappingURL').length, 0);
  });
});

it('every bit pattern of a number that the engine takes is taken', () => {
  // -1 in five bytes, and an index with padding.
  const code = [0x41, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x1a, 0x10, 0x80, 0x80, 0x80, 0x80, 0x00];
  const bytes = around(code);
  assert(WebAssembly.validate(bytes));
  assert(WebAssembly.validate(meterModule(bytes, options).bytes));
  assert.deepEqual(assembleCode('i32.const -1'), [0x41, 0x7f]);
});
