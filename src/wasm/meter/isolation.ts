/**
 * What puts an instance back to how it was: three functions and a second memory, added to the module.
 *
 * ```
 * weir:save()               after configure: memory and mutable globals are copied aside
 *   a call                  every store marks its granule; weir:touch(at, length) marks what the host wrote
 * weir:reset() → 0 | 1      marked granules and all globals are copied back, the marks cleared;
 *                           1: memory has grown since, which cannot be taken back, nothing was done
 *
 * memory 1:  │ marks, a byte for each granule │ padding to a page │ memory 0 as it was at weir:save │
 * ```
 *
 * The guest reaches none of it: its instructions name memories and globals by number, and the engine
 * checked them against those it declares before ours were added.
 */
import { type AddedFunction, unsigned } from './added-function.ts';
import { bulkOpcode, opcode, simdOpcode } from './opcodes.ts';
import { granuleShift, namesMemory, shadowMemory } from './store-marks.ts';
import { blockWithoutResult, valueType } from './value-types.ts';

const pageShift = 16;
const granulesAPageShift = pageShift - granuleShift;

export const memoryPagesLimit = 16_384;

export type IsolationPlan = {
  /** Without a memory only globals are kept. */
  readonly hasMemory: boolean;
  readonly marksPages: number;
  readonly savedPagesGlobal: number;
  /** Pairs of a global of the module's own and the one that keeps its value. */
  readonly globals: readonly {
    readonly own: number;
    readonly kept: number;
    readonly type: number;
  }[];
};

export function marksPages(memoryPagesMax: number): number {
  return Math.max(1, Math.ceil((memoryPagesMax << granulesAPageShift) / 65_536));
}

/** The first of them is the one that instructions of the guest call. */
export function isolationFunctions(plan: IsolationPlan): readonly AddedFunction[] {
  return [
    { name: 'weir:touch', type: [0x60, 2, valueType.i32, valueType.i32, 0], body: touchBody(plan) },
    { name: 'weir:save', type: [0x60, 0, 0], body: saveBody(plan) },
    { name: 'weir:reset', type: [0x60, 0, 1, valueType.i32], body: resetBody(plan) },
  ];
}

/** The initial value of a global that keeps another one of this type. */
export function zeroOf(type: number): readonly number[] {
  switch (type) {
    case valueType.i32:
      return [opcode.i32Const, 0, opcode.end];
    case valueType.i64:
      return [opcode.i64Const, 0, opcode.end];
    case valueType.f32:
      return [opcode.f32Const, 0, 0, 0, 0, opcode.end];
    case valueType.f64:
      return [opcode.f64Const, 0, 0, 0, 0, 0, 0, 0, 0, opcode.end];
    case valueType.v128:
      return [opcode.simd, simdOpcode.const, ...new Array<number>(16).fill(0), opcode.end];
    default:
      return [opcode.refNull, type, opcode.end];
  }
}

function touchBody(plan: IsolationPlan): number[] {
  if (!plan.hasMemory) return [0, opcode.end];
  const at = 0;
  const length = 1;
  const granule = 2;
  const last = 3;
  return [
    ...[1, 2, valueType.i32],
    ...[...get(length), opcode.i32Eqz, ...ifThen([opcode.return])],
    // A range beyond the memory would be marked outside the map.
    ...[...get(at), opcode.i64ExtendU, ...get(length), opcode.i64ExtendU, opcode.i64Add],
    ...[opcode.memorySize, 0, opcode.i64ExtendU, opcode.i64Const, pageShift, opcode.i64Shl],
    ...[opcode.i64GtU, ...ifThen([opcode.unreachable])],
    ...[...get(at), ...constant(granuleShift), opcode.i32ShrU, ...set(granule)],
    ...[...get(at), ...get(length), opcode.i32Add, ...constant(1), opcode.i32Sub],
    ...[...constant(granuleShift), opcode.i32ShrU, ...set(last)],
    // A handful of granules: cheaper than the call that `memory.fill` is.
    ...[opcode.loop, blockWithoutResult],
    ...[...get(granule), ...constant(1), opcode.i32Store8, ...inShadow(0)],
    ...[...get(granule), ...get(last), opcode.i32LtU],
    ...ifThen([...advance(granule, 1), opcode.br, 1]),
    opcode.end,
    opcode.end,
  ];
}

function saveBody(plan: IsolationPlan): number[] {
  const missing = 0;
  const marksBytes = plan.marksPages << pageShift;
  const memory = [
    ...[opcode.memorySize, 0, ...constant(plan.marksPages), opcode.i32Add],
    ...[opcode.memorySize, shadowMemory, opcode.i32Sub, ...tee(missing)],
    ...[...constant(0), opcode.i32GtS],
    ...ifThen([
      ...[...get(missing), opcode.memoryGrow, shadowMemory, ...constant(0), opcode.i32LtS],
      ...ifThen([opcode.unreachable]),
    ]),
    ...[...constant(marksBytes), ...constant(0)],
    ...[opcode.memorySize, 0, ...constant(pageShift), opcode.i32Shl],
    ...[opcode.bulk, bulkOpcode.memoryCopy, shadowMemory, 0],
    ...[...constant(0), ...constant(0), ...constant(marksBytes)],
    ...[opcode.bulk, bulkOpcode.memoryFill, shadowMemory],
    ...[opcode.memorySize, 0, opcode.globalSet, ...unsigned(plan.savedPagesGlobal)],
  ];
  return [
    ...[1, 1, valueType.i32],
    ...(plan.hasMemory ? memory : []),
    ...plan.globals.flatMap(({ own, kept }) => moveGlobal(own, kept)),
    opcode.end,
  ];
}

function resetBody(plan: IsolationPlan): number[] {
  const marksEnd = 0;
  const mark = 1;
  const wordsEnd = 2;
  const granule = 3;
  const copied = 4;
  const word = 5;
  const snapshot = plan.marksPages << pageShift;
  const hasGrown = [
    ...[opcode.memorySize, 0, opcode.globalGet, ...unsigned(plan.savedPagesGlobal), opcode.i32Ne],
    ...ifThen([...constant(1), opcode.return]),
  ];
  const vector = (at: number): number[] => [
    ...get(mark),
    ...simd(simdOpcode.load, ...inShadow(at)),
  ];
  const copyVector = (at: number): number[] => [
    ...get(copied),
    ...[...get(copied), ...simd(simdOpcode.load, ...inShadow(snapshot + at))],
    ...simd(simdOpcode.store, 0, ...unsigned(at)),
  ];
  const copyGranule = [
    // Marks are 1: the lowest bit of the word is the lowest marked byte.
    ...[...get(mark), ...get(word), opcode.i64Ctz, opcode.i32WrapI64],
    ...[...constant(3), opcode.i32ShrU, opcode.i32Add, ...tee(granule)],
    ...[...constant(granuleShift), opcode.i32Shl, ...set(copied)],
    ...[...get(granule), ...constant(1), opcode.i32Add, ...tee(granule)],
    ...[...constant(granuleShift), opcode.i32Shl, ...set(granule)],
    ...[opcode.loop, blockWithoutResult],
    ...[0, 16, 32, 48].flatMap(copyVector),
    ...[...advance(copied, 64), ...get(copied), ...get(granule), opcode.i32LtU, opcode.brIf, 0],
    opcode.end,
    // What a store at the granule's end has written beyond it; behind the last there is no memory.
    ...[...get(copied), ...get(marksEnd), ...constant(granuleShift), opcode.i32Shl, opcode.i32LtU],
    ...ifThen(copyVector(0)),
  ];
  const copyBack = [
    ...[opcode.globalGet, ...unsigned(plan.savedPagesGlobal)],
    ...[...constant(granulesAPageShift), opcode.i32Shl, ...set(marksEnd)],
    ...[opcode.block, blockWithoutResult, opcode.loop, blockWithoutResult],
    ...[...get(mark), ...get(marksEnd), opcode.i32GeU, opcode.brIf, 1],
    // 64 clean granules at a time; a page has no fewer.
    ...[...vector(0), ...vector(16), ...simd(simdOpcode.or)],
    ...[...vector(32), ...vector(48), ...simd(simdOpcode.or)],
    ...[...simd(simdOpcode.or), ...simd(simdOpcode.anyTrue), opcode.i32Eqz],
    ...ifThen([...advance(mark, 64), opcode.br, 1]),
    ...[...get(mark), ...constant(64), opcode.i32Add, ...set(wordsEnd)],
    ...[opcode.loop, blockWithoutResult],
    ...[...get(mark), opcode.i64Load, ...inShadow(0), ...tee(word), opcode.i64Eqz, opcode.i32Eqz],
    ...ifThen([
      ...[opcode.loop, blockWithoutResult],
      ...copyGranule,
      ...[...get(word), ...get(word), opcode.i64Const, 1, opcode.i64Sub, opcode.i64And],
      ...[...tee(word), opcode.i64Eqz, opcode.i32Eqz, opcode.brIf, 0],
      opcode.end,
      ...[...get(mark), opcode.i64Const, 0, opcode.i64Store, ...inShadow(0)],
    ]),
    ...[...advance(mark, 8), ...get(mark), ...get(wordsEnd), opcode.i32LtU, opcode.brIf, 0],
    ...[opcode.end, opcode.br, 0],
    ...[opcode.end, opcode.end],
  ];
  return [
    ...[2, 5, valueType.i32, 1, valueType.i64],
    ...(plan.hasMemory ? hasGrown : []),
    ...plan.globals.flatMap(({ own, kept }) => moveGlobal(kept, own)),
    ...(plan.hasMemory ? copyBack : []),
    ...constant(0),
    opcode.end,
  ];
}

/** A memory argument: the shadow memory, at an offset. */
const inShadow = (offset: number): number[] => [namesMemory, shadowMemory, ...unsigned(offset)];
const simd = (code: number, ...rest: readonly number[]): number[] => [
  opcode.simd,
  ...unsigned(code),
  ...rest,
];
const get = (index: number): number[] => [opcode.localGet, index];
const set = (index: number): number[] => [opcode.localSet, index];
const tee = (index: number): number[] => [opcode.localTee, index];
const advance = (index: number, by: number): number[] => [
  ...get(index),
  ...constant(by),
  opcode.i32Add,
  ...set(index),
];
const ifThen = (code: readonly number[]): number[] => [
  opcode.if,
  blockWithoutResult,
  ...code,
  opcode.end,
];
const moveGlobal = (from: number, to: number): number[] => [
  opcode.globalGet,
  ...unsigned(from),
  opcode.globalSet,
  ...unsigned(to),
];

/** `i32.const` of a number that is not negative. */
function constant(value: number): number[] {
  const bytes = [opcode.i32Const as number];
  let rest = value;
  for (; rest > 63; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}
