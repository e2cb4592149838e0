/** Loops that pay for all their rounds at once: the same as if each paid for itself, to the unit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metered, unmetered } from '../../support/metered.ts';
import { assemble, type ModuleText } from '../../support/wasm-text.ts';

/** From the first parameter to the second; answers how many rounds ran. Local 3 counts them. */
const loopOf = (test: string, body: string, beforeBranch = ''): ModuleText => ({
  memory: [1, 1],
  functions: [
    {
      name: 'f',
      parameters: ['i32', 'i32', 'i32'],
      results: ['i32'],
      locals: ['i32', 'i32'],
      code: `block loop ${test} if
          local.get 3 i32.const 1 i32.add local.set 3 ${body}
          local.get 0 i32.const 1 i32.add local.set 0 ${beforeBranch} br 1
        end end end local.get 3`,
    },
  ],
});

const tests = {
  'counter < bound, signed': 'local.get 0 local.get 1 i32.lt_s',
  'counter < bound, unsigned': 'local.get 0 local.get 1 i32.lt_u',
  'counter <= bound, signed': 'local.get 0 local.get 1 i32.le_s',
  'counter <= bound, unsigned': 'local.get 0 local.get 1 i32.le_u',
  'bound > counter, signed': 'local.get 1 local.get 0 i32.gt_s',
  'bound > counter, unsigned': 'local.get 1 local.get 0 i32.gt_u',
  'bound >= counter, signed': 'local.get 1 local.get 0 i32.ge_s',
  'bound >= counter, unsigned': 'local.get 1 local.get 0 i32.ge_u',
  'a bound that is worked out': 'local.get 0 local.get 1 i32.const 2 i32.sub i32.lt_s',
} as const;
const isEqual =
  'local.get 0 local.get 2 i32.const 0 i32.add i32.const 1 i32.sub i32.const 1 i32.add i32.sub i32.eqz';
const bodies = {
  'nothing more': '',
  'a break': `${isEqual} if br 3 end`,
  'a return': `${isEqual} if local.get 3 return end`,
  'a loop inside':
    'local.get 0 i32.const 3 i32.and local.set 4 loop local.get 4 i32.const 1 i32.sub local.tee 4 i32.const 0 i32.gt_s br_if 0 end',
  'memory of a length': 'i32.const 64 i32.const 1 local.get 0 i32.const 255 i32.and memory.fill 0',
} as const;
const ranges = [
  [0, 0],
  [0, 1],
  [5, 3],
  [-4, 9],
  [0, 40],
  [0x7fff_fff0, 0x7fff_fffd],
  [-16, -3],
] as const;

describe('a counted loop', () => {
  for (const [test, text] of Object.entries(tests))
    for (const [body, code] of Object.entries(bodies))
      it(`${test}, with ${body}: answers and costs the same, and ends where its fuel does`, () => {
        const plain = unmetered(assemble(loopOf(text, code)));
        const metered = new Metered(assemble(loopOf(text, code)));
        // One instruction more makes it a loop that pays for each round.
        const each = new Metered(assemble(loopOf(text, code, 'nop')));
        for (const [from, to] of ranges) {
          // Unsigned, from below zero on there is no end in sight.
          if (text.includes('_u') && from < 0 !== to < 0) continue;
          for (const leaveAt of [from + 1, from + 4]) {
            const rounds = plain('f', from, to, leaveAt) as number;
            const cost = metered.costOf('f', from, to, leaveAt);
            assert.equal(metered.call('f', from, to, leaveAt), rounds);
            const other = each.costOf('f', from, to, leaveAt);
            assert(other >= cost && other <= cost + rounds + 1, `${cost} and ${other}`);
            for (let fuel = 0; fuel < cost; fuel += Math.max(1, cost >> 5)) {
              metered.fuel = fuel;
              assert.throws(() => metered.call('f', from, to, leaveAt), /unreachable/);
              assert(metered.fuel < 0 && metered.fuel > -400);
            }
            metered.fuel = cost;
            assert.equal(metered.call('f', from, to, leaveAt), rounds);
            assert.equal(metered.fuel, 0);
          }
        }
      });
});

describe('what looks like one and is none ends all the same', () => {
  const up = 'local.get 0 i32.const 1 i32.add local.set 0';
  const endless: Readonly<Record<string, string>> = {
    'its counter goes back': 'i32.const 0 local.set 0',
    'its counter goes back by a tee': 'i32.const 0 local.tee 0 drop',
    'its bound goes up': 'local.get 1 i32.const 1 i32.add local.set 1',
    'it goes on without its step': 'i32.const 1 br_if 1',
    'it goes on by a table': 'i32.const 0 br_table 1 1',
    'it goes on from a block': 'block i32.const 1 if br 3 end end',
  };
  for (const [name, body] of Object.entries(endless))
    it(name, () => {
      const metered = new Metered(assemble(loopOf(tests['counter < bound, signed'], body)));
      metered.fuel = 100_000;
      assert.throws(() => metered.call('f', 0, 10, 0), /unreachable/);
      assert(metered.fuel < 0 && metered.fuel > -400);
    });

  it('its step is bytes of another instruction', () => {
    // i32.const 32, i32.eqz, i32.const 1, i32.add; the last bytes read as the step of local 69.
    const locals = Array.from({ length: 70 }, () => 'i32' as const);
    const metered = new Metered(
      assemble({
        functions: [
          {
            name: 'f',
            locals,
            code: `loop local.get 69 i32.const 5 i32.lt_s if
                i32.const 32 i32.eqz i32.const 1 i32.add local.set 69 br 1 end end`,
          },
        ],
      }),
    );
    metered.fuel = 100_000;
    assert.throws(() => metered.call('f'), /unreachable/);
  });

  it('its bound is the last number there is', () => {
    for (const test of ['counter <= bound, unsigned', 'bound >= counter, unsigned'] as const) {
      const metered = new Metered(assemble(loopOf(tests[test], '')));
      for (const from of [0, -3, -1]) {
        metered.fuel = 100_000;
        assert.throws(() => metered.call('f', from, -1, 0), /unreachable/);
        assert(metered.fuel < 0);
      }
    }
  });

  it('and one inside of another pays in the rounds that are left of it', () => {
    const inner = `i32.const 0 local.set 4 loop local.get 4 local.get 2 i32.lt_s if ${up.replaceAll(' 0', ' 4')} br 1 end end`;
    const metered = new Metered(assemble(loopOf(tests['counter < bound, signed'], inner)));
    const cost = metered.costOf('f', 0, 30, 7);
    for (let fuel = 0; fuel < cost; fuel += 7) {
      metered.fuel = fuel;
      assert.throws(() => metered.call('f', 0, 30, 7), /unreachable/);
    }
    assert(metered.costOf('f', 0, 30, 8) > cost);
  });
});

it('a short loop whose rounds are written down is paid for with what is around it', () => {
  const text = (nop: string): ModuleText => ({
    functions: [
      {
        name: 'f',
        locals: ['i32'],
        code: `i32.const 0 local.set 0 block loop local.get 0 i32.const 2 i32.lt_s if
          local.get 0 i32.const 1 i32.add local.set 0 ${nop} br 1 end end end`,
      },
    ],
  });
  const folded = new Metered(assemble(text('')));
  const each = new Metered(assemble(text('nop')));
  assert(Math.abs(folded.costOf('f') - each.costOf('f')) < 8);
});

it('a short function that callers pay for pays for every round of a loop around a long one', () => {
  const metered = new Metered(
    assemble({
      globals: [{ type: 'i32', value: 'i32.const 0', name: 'count' }],
      functions: [
        { name: 'f', code: 'call 1' },
        {
          locals: ['i32'],
          code: `loop loop ${'global.get 0 i32.const 1 i32.add global.set 0 '.repeat(25)} end
            local.get 0 i32.const 1 i32.add local.tee 0 i32.const 50 i32.lt_u br_if 0 end`,
        },
      ],
    }),
  );
  const cost = metered.costOf('f');
  assert(cost >= 50 * 25 * 4, `${cost}`);
});
