/**
 * Programs made by chance that always end, know how much of them ran, and use every construct the meter
 * has to see through: blocks, loops, arms, tables of branches, early returns, calls of all kinds, stores
 * and bulk memory.
 *
 * Global 0 counts: every counted statement adds 1 to it by four instructions, so what ran is at least four
 * times its value. Global 1 is the state of a generator of numbers that conditions read; global 2 is how
 * many more conditions may hold, which ends every loop.
 */
import type { FunctionText, ModuleText } from './wasm-text.ts';

export const instructionsACount = 4;

/** Counters and bounds have locals of their own for each depth. */
const depths = 7;

const countOne = 'global.get 0 i32.const 1 i32.add global.set 0';
const nextNumber =
  'global.get 1 i32.const 1103515245 i32.mul i32.const 12345 i32.add global.set 1 global.get 1';

/** 0 or 1; 0 for ever once global 2 is used up. */
const condition = `global.get 2 i32.const 1 i32.sub global.set 2
  ${nextNumber} i32.const 196608 i32.and i32.const 0 i32.ne global.get 2 i32.const 2147483647 i32.lt_u i32.and`;

export type RandomProgram = { readonly text: ModuleText; readonly functions: number };

/** The same program for the same seed. */
export function randomProgram(seed: number): RandomProgram {
  const random = generator(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const functions = 2 + below(5);
  const referred = Array.from({ length: functions }, (_, index) => index).filter(
    () => below(3) === 0,
  );
  const bodies = Array.from({ length: functions }, (_, index): FunctionText => {
    const locals = below(3);
    return {
      // Only some are exported: one that is not may be a leaf.
      ...(index === 0 || below(3) === 0 ? { name: `f${index}` } : {}),
      parameters: ['i32'],
      results: ['i32'],
      locals: [
        ...Array.from({ length: 2 * depths }, () => 'i32' as const),
        ...Array.from({ length: locals }, () => 'i64' as const),
      ],
      code: `${statements({ below, functions, referred, index, labels: 1, depth: 0 })} local.get 0`,
    };
  });
  return {
    functions,
    text: {
      memory: [2],
      tables: [[functions]],
      elements: referred.map((index) => ({ at: index, functions: [index] })),
      passiveData: ['some bytes of data'],
      globals: [
        { type: 'i32', value: 'i32.const 0', name: 'count' },
        { type: 'i32', value: `i32.const ${below(1_000_000)}` },
        { type: 'i32', value: `i32.const ${20 + below(2_000)}`, name: 'conditions' },
      ],
      functions: bodies,
    },
  };
}

type Place = {
  readonly below: (bound: number) => number;
  readonly functions: number;
  /** The functions in the table, at their own index. */
  readonly referred: readonly number[];
  /** Of the function; it calls only later ones. */
  readonly index: number;
  /** Branches may go to as many, the function's own among them. */
  readonly labels: number;
  readonly depth: number;
};

function statements(place: Place): string {
  const length = 1 + place.below(place.depth > 3 ? 2 : 5);
  return Array.from({ length }, () => `${countOne} ${statement(place)}`).join(' ');
}

function statement(place: Place): string {
  const { below, labels, index, functions, referred } = place;
  const inside: Place = { ...place, labels: labels + 1, depth: place.depth + 1 };
  const isDeep = place.depth > 4;
  const callee = index + 1 + below(Math.max(1, functions - index - 1));
  const canCall = callee < functions;
  const address = below(2 * 65_536 - 600);
  switch (below(isDeep ? 10 : 19)) {
    case 0:
      return countOne.concat(' nop'.repeat(below(90)));
    case 1:
      return `i32.const ${address} global.get 0 i32.store offset=${below(20)}`;
    case 2:
      return `i32.const ${address} i64.const ${below(1_000_000)} i64.store`;
    case 3:
      return `i32.const ${address} global.get 1 i32.const ${below(500)} memory.fill 0`;
    case 4:
      return `i32.const ${address} i32.const ${below(65_536)} i32.const ${below(500)} memory.copy 0 0`;
    case 5:
      return `i32.const ${address} i32.const 1 i32.const ${below(10)} memory.init 0 0`;
    case 6:
      if (referred.includes(callee) && below(2) === 0)
        return `local.get 0 i32.const ${callee} call_indirect ${callee} 0 local.set 0`;
      return canCall ? `local.get 0 call ${callee} local.set 0` : countOne;
    case 7:
      return branch(place);
    case 8:
      return canCall && below(4) === 0
        ? `${condition} if local.get 0 return_call ${callee} end`
        : `${condition} if local.get 0 return end`;
    case 9:
      return `i32.const ${address} i32.const 3 i8x16.splat v128.store`;
    case 10:
    case 11:
      return `block ${statements(inside)} end ${countOne}`;
    case 12:
    case 13:
      return `loop ${statements(inside)} ${condition} br_if 0 end`;
    case 16:
    case 17:
    case 18:
      return countedLoop(place);
    case 14:
      return `${condition} if ${statements(inside)} ${below(2) === 0 ? `else ${statements(inside)}` : ''} end`;
    default: {
      const twice: Place = { ...inside, labels: labels + 2 };
      return `block block ${nextNumber} i32.const 3 i32.and br_table 0 1 ${'0 1 '.repeat(below(3))} end
        ${statements(inside)} end ${below(2) === 0 ? `block block ${statements(twice)} end end` : ''}`;
    }
  }
}

/** As AssemblyScript writes them, or nearly so: then it is another loop that looks like one. */
function countedLoop(place: Place): string {
  const { below, labels, depth } = place;
  const boundLocal = 1 + depths + depth;
  const counter = `local.get ${1 + depth}`;
  const from = below(3) === 0 ? -below(5) : below(40);
  // Few rounds where others run inside: they multiply.
  const calls = depth === 0 && below(4) === 0;
  const rounds = calls ? 3 : depth === 0 ? 12 : 4;
  const to = below(4) === 0 ? from - below(3) : from + below(rounds);
  const isUnsigned = from >= 0 && to >= 0 && below(2) === 0 ? 'u' : 's';
  const isInclusive = below(3) === 0;
  const bound = [
    `i32.const ${to}`,
    `local.get ${boundLocal}`,
    `local.get ${boundLocal} i32.const 3 i32.sub i32.const 3 i32.add`,
    `i32.const ${to - 1} i32.const 1 i32.add`,
  ][below(4)];
  const test =
    below(2) === 0
      ? `${counter} ${bound} i32.${isInclusive ? 'le' : 'lt'}_${isUnsigned}`
      : `${bound} ${counter} i32.${isInclusive ? 'ge' : 'gt'}_${isUnsigned}`;
  const inside: Place = {
    ...place,
    ...(calls ? {} : { functions: 0 }),
    labels: labels + 3,
    depth: depth + 1,
  };
  const body =
    below(2) === 0
      ? `${countOne} ${below(2) === 0 ? leave(inside) : ''} i32.const 9 global.get 0 i32.store ${countOne}`
      : statements(inside);
  const spoilt = [
    '',
    '',
    '',
    '',
    `${condition} if ${counter} i32.const 1 i32.sub local.set ${1 + depth} end`,
    `local.get ${boundLocal} local.set ${boundLocal}`,
    `${counter} local.tee ${1 + depth} drop`,
  ][below(7)];
  const step = below(8) === 0 ? 2 : 1;
  return `i32.const ${to} local.set ${boundLocal} i32.const ${from} local.set ${1 + depth}
    ${below(2) === 0 ? 'block' : 'block nop'}
    loop ${test} if ${body} ${spoilt}
      ${counter} i32.const ${step} i32.add local.set ${1 + depth} ${below(8) === 0 ? 'nop' : ''} br 1
    end ${below(8) === 0 ? 'nop' : ''} end ${countOne} end`;
}

/** Without a value of its own that it would take along. */
function leave({ below, labels }: Place): string {
  const label = below(labels);
  const value = label === labels - 1 ? 'local.get 0' : '';
  return below(4) === 0
    ? `${condition} if local.get 0 return end`
    : `${condition} if ${value} br ${label + 1} end`;
}

/** The function's own label takes a value; the others do not. */
function branch(place: Place): string {
  const { below, labels } = place;
  if (below(2) === 0) return leave(place);
  const label = below(labels);
  return label === labels - 1
    ? `local.get 0 ${condition} br_if ${label} drop`
    : `${condition} br_if ${label}`;
}

/** Mulberry32: numbers from 0 to below 1. */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
