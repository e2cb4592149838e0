/** Fuel: nothing runs without end, nothing is charged that does not run, and the guest sees none of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepaidCostMax } from '#wasm/meter/prepaid-functions.ts';
import { Metered, unmetered } from '../../support/metered.ts';
import { assemble, type ModuleText } from '../../support/wasm-text.ts';

/** What is paid for beforehand and not there: at most a region, with the leaves it calls. */
const regionMax = 64;
const withLeavesMax = 2 * prepaidCostMax + regionMax;

describe('code that never ends runs out of fuel', () => {
  const endless: Readonly<Record<string, ModuleText>> = {
    'a loop': { functions: [{ name: 'f', code: 'loop br 0 end' }] },
    'a loop around a loop': { functions: [{ name: 'f', code: 'loop loop br 1 end end' }] },
    'a loop by br_if': {
      functions: [{ name: 'f', code: 'loop i32.const 1 br_if 0 end' }],
    },
    'a loop by br_table': {
      functions: [{ name: 'f', code: 'loop block i32.const 1 br_table 0 1 0 end end' }],
    },
    'a loop out of a block inside': {
      functions: [{ name: 'f', code: 'loop block block br 2 end end end' }],
    },
    'a loop in an arm': {
      functions: [{ name: 'f', code: 'i32.const 1 if loop br 0 end else nop end' }],
    },
    'a loop in the other arm': {
      functions: [{ name: 'f', code: 'i32.const 0 if nop else loop br 0 end end' }],
    },
    'a loop that stores': {
      functions: [{ name: 'f', code: 'loop i32.const 8 i32.const 1 i32.store br 0 end' }],
    },
    'a loop that calls a leaf': {
      functions: [{ name: 'f', code: 'loop call 1 br 0 end' }, { code: 'nop' }],
    },
    'a loop that calls what is no leaf': {
      functions: [
        { name: 'f', code: 'loop call 1 br 0 end' },
        { name: 'g', code: 'nop' },
      ],
    },
    'a loop that calls a loop': {
      functions: [
        { name: 'f', code: 'loop call 1 br 0 end' },
        { code: 'i32.const 0 if loop br 0 end end' },
      ],
    },
    'a loop that calls through a table': {
      tables: [[1]],
      elements: [{ at: 0, functions: [1] }],
      functions: [
        { name: 'f', code: 'loop i32.const 0 call_indirect 0 0 br 0 end' },
        { code: 'nop' },
      ],
    },
    'a loop that calls the host': {
      imports: [{ name: 'nothing' }],
      functions: [{ name: 'f', code: 'loop call 0 br 0 end' }],
    },
    'a tail call of itself': { functions: [{ name: 'f', code: 'return_call 0' }] },
    'tail calls in turn': {
      functions: [{ name: 'f', code: 'return_call 1' }, { code: 'return_call 0' }],
    },
    'a tail call through a table': {
      tables: [[1]],
      elements: [{ at: 0, functions: [0] }],
      functions: [{ name: 'f', code: 'i32.const 0 return_call_indirect 0 0' }],
    },
    'a loop by tail calls': {
      functions: [{ name: 'f', code: 'i32.const 0 if loop br 0 end end return_call 0' }],
    },
    'calls that double at each step': {
      functions: [
        {
          name: 'f',
          code: 'i32.const 60 call 1',
        },
        {
          parameters: ['i32'],
          code: `local.get 0 if
            local.get 0 i32.const 1 i32.sub call 1 local.get 0 i32.const 1 i32.sub call 1 end`,
        },
      ],
    },
    'a long chain of leaves that double': {
      functions: [
        { name: 'f', code: 'call 1' },
        ...Array.from({ length: 40 }, (_, index) => ({
          code: `call ${index + 2} call ${index + 2}`,
        })),
        { code: 'nop' },
      ],
    },
    'filling memory': {
      functions: [
        { name: 'f', code: 'loop i32.const 0 i32.const 1 i32.const 65536 memory.fill 0 br 0 end' },
      ],
    },
  };
  for (const [name, spec] of Object.entries(endless)) {
    for (const isolates of [false, true]) {
      it(`${name}${isolates ? ', isolated' : ''}`, () => {
        const metered = new Metered(assemble(spec), { isolates }, { nothing: () => undefined });
        metered.fuel = 1_000_000;
        assert.throws(() => metered.call('f'), /unreachable/);
        assert(metered.fuel < 0, `trapped with ${metered.fuel} left`);
        const longest =
          name === 'filling memory'
            ? 65_536 / 8
            : name.includes('leaves')
              ? withLeavesMax
              : regionMax;
        assert(metered.fuel >= -longest, `${-metered.fuel} are missing`);
      });
    }
  }

  it('recursion ends by fuel or by the stack, whichever comes first', () => {
    const metered = new Metered(assemble({ functions: [{ name: 'f', code: 'call 0' }] }));
    metered.fuel = 1_000;
    assert.throws(() => metered.call('f'), /unreachable/);
    assert(metered.fuel < 0);
    metered.fuel = 1_000_000_000;
    assert.throws(() => metered.call('f'), /call stack/);
    assert(metered.fuel >= 0, 'the stack is not told from the fuel');
  });

  it('a start function that never ends runs out of the fuel for the start', () => {
    const bytes = assemble({ functions: [{ code: 'loop br 0 end' }], start: 0 });
    assert.throws(() => new Metered(bytes, { fuelAtStart: 10_000 }), /unreachable/);
  });

  it('an instance goes on with new fuel after it ran out', () => {
    const bytes = assemble({
      functions: [
        {
          name: 'f',
          parameters: ['i32'],
          results: ['i32'],
          code: `loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end i32.const 5`,
        },
      ],
    });
    const metered = new Metered(bytes);
    metered.fuel = 100;
    assert.throws(() => metered.call('f', 1_000), /unreachable/);
    metered.fuel = 100_000;
    assert.equal(metered.call('f', 1_000), 5);
  });
});

describe('a call costs', () => {
  const costs: readonly (readonly [name: string, spec: ModuleText, cost: number])[] = [
    ['what it has instructions', { functions: [{ name: 'f', code: 'nop nop nop' }] }, 4],
    [
      'a round of a loop for each pass over its head',
      {
        functions: [
          {
            name: 'f',
            locals: ['i32'],
            code: `i32.const 10 local.set 0
              loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end`,
          },
        ],
      },
      // Ten rounds of six, `end` among them; four outside.
      4 + 10 * 6,
    ],
    [
      'what a leaf has, where it is called',
      { functions: [{ name: 'f', code: 'call 1 call 1' }, { code: 'nop nop' }] },
      3 + 2 * 3,
    ],
    [
      'what leaves of a leaf have',
      {
        functions: [
          { name: 'f', code: 'call 1' },
          { code: 'nop call 2' },
          { code: 'nop nop call 3' },
          { code: 'nop' },
        ],
      },
      2 + 3 + 4 + 2,
    ],
    [
      'what is called through a table, once',
      {
        tables: [[1]],
        elements: [{ at: 0, functions: [1] }],
        functions: [{ name: 'f', code: 'call 1 i32.const 0 call_indirect 0 0' }, { code: 'nop' }],
      },
      4 + 2 * 2,
    ],
    [
      'a short arm whether it runs or not',
      { functions: [{ name: 'f', code: 'i32.const 0 if nop nop end' }] },
      6,
    ],
    [
      'a long arm only when it runs',
      { functions: [{ name: 'f', code: `i32.const 0 if ${'nop '.repeat(100)} else nop end` }] },
      // `else` belongs to the first arm.
      2 + 2 + 1,
    ],
    [
      'the one case of many that runs',
      {
        functions: [
          {
            name: 'f',
            code: `block block block i32.const 1 br_table 0 1 2 end
              ${'nop '.repeat(200)} return end ${'nop '.repeat(100)} return end ${'nop '.repeat(300)}`,
          },
        ],
      },
      6 + (100 + 2),
    ],
    [
      'memory by its length',
      {
        functions: [{ name: 'f', code: 'i32.const 0 i32.const 1 i32.const 8000 memory.fill 0' }],
      },
      5 + 1_000,
    ],
    [
      'its locals',
      { functions: [{ name: 'f', locals: Array.from({ length: 4_000 }, () => 'i64'), code: '' }] },
      1 + 1_000,
    ],
    [
      'growth more than an instruction',
      { functions: [{ name: 'f', code: 'i32.const 0 memory.grow 0 drop' }] },
      4 + 2_000,
    ],
  ];
  for (const [name, spec, cost] of costs) {
    for (const isolates of [false, true]) {
      it(`${name}${isolates ? ', isolated' : ''}`, () => {
        assert.equal(new Metered(assemble(spec), { isolates }).costOf('f'), cost);
      });
    }
  }

  it('elements of a table by their number', () => {
    const bytes = assemble({
      tables: [[1_000]],
      functions: [
        { name: 'f', code: 'i32.const 0 ref.null 0x70 i32.const 1000 table.fill 0' },
        { name: 'g', code: 'i32.const 0 i32.const 0 i32.const 1000 table.copy 0 0' },
        { name: 'h', code: 'ref.null 0x70 i32.const 500 table.grow 0 drop' },
      ],
    });
    const metered = new Metered(bytes);
    assert.deepEqual(
      ['f', 'g', 'h'].map((name) => metered.costOf(name)),
      [1_005, 1_005, 2_505],
    );
  });

  it('no more than there can be, however large a length says it is', () => {
    const bytes = assemble({
      tables: [[1]],
      functions: [
        { name: 'f', code: 'i32.const 0 i32.const 1 i32.const -2147483648 memory.fill 0' },
        { name: 'g', code: 'i32.const 0 ref.null 0x70 i32.const -2147483648 table.fill 0' },
      ],
    });
    const metered = new Metered(bytes);
    for (const name of ['f', 'g']) {
      metered.fuel = 2 ** 30;
      const before = metered.fuel;
      assert.throws(() => metered.call(name), WebAssembly.RuntimeError);
      assert(metered.fuel < before, 'a negative length gave fuel');
    }
  });
});

describe('fuel held in a local is never out of date', () => {
  const countDown = 'local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0';
  const spec: ModuleText = {
    imports: [{ name: 'look' }],
    functions: [
      {
        name: 'branch',
        parameters: ['i32'],
        code: `loop ${countDown} end call 0 i32.const 1 br_if 0`,
      },
      {
        name: 'table',
        parameters: ['i32'],
        code: `loop ${countDown} end i32.const 0 br_table 0 0`,
      },
      { name: 'return', parameters: ['i32'], code: `loop ${countDown} end return` },
      {
        name: 'from inside',
        parameters: ['i32'],
        code: `loop block local.get 0 i32.eqz br_if 2 end local.get 0 i32.const 1 i32.sub local.set 0 br 0 end`,
      },
      { name: 'end', parameters: ['i32'], code: `loop ${countDown} end` },
      {
        name: 'tail',
        parameters: ['i32'],
        code: `loop ${countDown} end i32.const 7 return_call 5`,
      },
      {
        name: 'both',
        parameters: ['i32'],
        code: `local.get 0 call 5 local.get 0 call 3 loop ${countDown} end`,
      },
    ],
  };

  it('at any exit, in a call of the host, and after a call', () => {
    const seen: number[] = [];
    const metered = new Metered(assemble(spec), {}, { look: () => seen.push(metered.fuel) });
    for (const name of ['branch', 'table', 'return', 'from inside', 'end', 'tail', 'both']) {
      const short = metered.costOf(name, 10);
      const long = metered.costOf(name, 1_010);
      assert(long - short >= 1_000 * 5, `${name}: ${short}, then ${long}`);
      assert(long - short <= 3_000 * 9, `${name}: ${short}, then ${long}`);
    }
    assert.equal(seen.length, 2);
    assert(seen.every((fuel) => fuel < 1_000_000_000 - 50));
  });

  it('in a call of a short function that repeats something', () => {
    const bytes = assemble({
      functions: [
        {
          name: 'f',
          parameters: ['i32'],
          code: `local.get 0 call 1 i32.const 3 local.set 0 loop loop ${countDown} end end`,
        },
        { parameters: ['i32'], code: `loop ${countDown} end` },
      ],
    });
    const metered = new Metered(bytes);
    assert.equal(metered.costOf('f', 1_010) - metered.costOf('f', 10), 1_000 * 6);
  });

  it('what the host takes of it in a call stays taken', () => {
    const metered = new Metered(assemble(spec), {}, { look: () => (metered.fuel -= 500_000) });
    const cost = metered.costOf('branch', 10);
    assert(cost > 500_000 && cost < 500_200, String(cost));
  });
});

it('a short function pays for the rounds of a loop that it calls', () => {
  const bytes = assemble({
    functions: [
      { name: 'f', parameters: ['i32'], code: 'local.get 0 call 1' },
      { parameters: ['i32'], code: 'local.get 0 call 2' },
      {
        parameters: ['i32'],
        code: 'loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end',
      },
    ],
  });
  const metered = new Metered(bytes);
  assert(metered.costOf('f', 100) - metered.costOf('f', 10) === 90 * 6);
});

it('values of every type pass through unchanged', () => {
  const bytes = assemble({
    functions: [
      {
        name: 'f',
        parameters: ['i32', 'i64', 'f32', 'f64'],
        results: ['i32', 'i64', 'f32', 'f64'],
        code: `loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end
          local.get 0 local.get 1 local.get 2 local.get 3`,
      },
    ],
  });
  const values = [3, 0x1234_5678_9abcn, 1.5, -2.25];
  assert.deepEqual(new Metered(bytes).call('f', ...values), [0, 0x1234_5678_9abcn, 1.5, -2.25]);
  assert.deepEqual(unmetered(bytes)('f', ...values), [0, 0x1234_5678_9abcn, 1.5, -2.25]);
});
