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
import type { ByteWriter } from './byte-writer.ts';
import { bulkOpcode, opcode, simdOpcode } from './opcodes.ts';
import { granuleShift, namesMemory, shadowMemory } from './store-marks.ts';
import { blockWithoutResult, valueType } from './value-types.ts';

/** A store at the last byte of a granule writes up to 15 bytes into the next without marking it. */
const overhangBytes = 16;
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

/** Types of the three functions, in the order of `writeIsolationBodies`. */
export const isolationTypes: readonly (readonly number[])[] = [
  [0x60, 2, valueType.i32, valueType.i32, 0],
  [0x60, 0, 0],
  [0x60, 0, 1, valueType.i32],
];

export function writeIsolationBodies(out: ByteWriter, plan: IsolationPlan): void {
  for (const body of [touchBody(plan), saveBody(plan), resetBody(plan)]) {
    const length = out.openLength();
    out.all(body);
    out.closeLength(length);
  }
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
  const firstGranule = [...get(at), ...constant(granuleShift), opcode.i32ShrU];
  return [
    0,
    ...[...get(length), opcode.i32Eqz, ...ifThen([opcode.return])],
    // A range beyond the memory would be marked outside the map.
    ...[...get(at), opcode.i64ExtendU, ...get(length), opcode.i64ExtendU, opcode.i64Add],
    ...[opcode.memorySize, 0, opcode.i64ExtendU, opcode.i64Const, pageShift, opcode.i64Shl],
    ...[opcode.i64GtU, ...ifThen([opcode.unreachable])],
    ...[...firstGranule, ...constant(1)],
    ...[...get(at), ...get(length), opcode.i32Add, ...constant(1), opcode.i32Sub],
    ...[...constant(granuleShift), opcode.i32ShrU, ...firstGranule, opcode.i32Sub],
    ...[...constant(1), opcode.i32Add],
    ...[opcode.bulk, bulkOpcode.memoryFill, shadowMemory],
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
  const runEnd = 2;
  const hasGrown = [
    ...[opcode.memorySize, 0, opcode.globalGet, ...unsigned(plan.savedPagesGlobal), opcode.i32Ne],
    ...ifThen([...constant(1), opcode.return]),
  ];
  const toDone = 1;
  const again = 0;
  const isMarked = (index: number): number[] => [
    ...get(index),
    opcode.i32Load8,
    namesMemory,
    shadowMemory,
    0,
  ];
  const addressOf = (index: number): number[] => [
    ...get(index),
    ...constant(granuleShift),
    opcode.i32Shl,
  ];
  const copyBack = [
    ...[opcode.globalGet, ...unsigned(plan.savedPagesGlobal)],
    ...[...constant(granulesAPageShift), opcode.i32Shl, ...set(marksEnd)],
    ...[opcode.block, blockWithoutResult, opcode.loop, blockWithoutResult],
    ...[...get(mark), ...get(marksEnd), opcode.i32GeU, opcode.brIf, toDone],
    // Eight clean granules at a time.
    ...[...get(mark), ...constant(7), opcode.i32And, opcode.i32Eqz],
    ...ifThen([
      ...[...get(mark), opcode.i64Load, namesMemory, shadowMemory, 0, opcode.i64Eqz],
      ...ifThen([...advance(mark, 8), opcode.br, again + 2]),
    ]),
    ...[...isMarked(mark), opcode.i32Eqz],
    ...ifThen([...advance(mark, 1), opcode.br, again + 1]),
    // A run of marked ones is copied at once; the mark behind the last granule is never set.
    ...[...get(mark), ...set(runEnd)],
    ...[opcode.loop, blockWithoutResult],
    ...[...get(runEnd), ...constant(0), opcode.i32Store8, namesMemory, shadowMemory, 0],
    ...[...advance(runEnd, 1), ...isMarked(runEnd), opcode.brIf, 0],
    opcode.end,
    ...addressOf(mark),
    ...[...addressOf(mark), ...constant(plan.marksPages << pageShift), opcode.i32Add],
    // Up to the overhang, or to the end of memory; `select` takes the first where the condition holds.
    ...[...addressOf(runEnd), ...constant(overhangBytes), opcode.i32Add],
    ...addressOf(marksEnd),
    ...[...get(runEnd), ...get(marksEnd), opcode.i32LtU, opcode.select],
    ...[...addressOf(mark), opcode.i32Sub],
    ...[opcode.bulk, bulkOpcode.memoryCopy, 0, shadowMemory],
    ...[...get(runEnd), ...set(mark), opcode.br, again],
    ...[opcode.end, opcode.end],
  ];
  return [
    ...[1, 3, valueType.i32],
    ...(plan.hasMemory ? hasGrown : []),
    ...plan.globals.flatMap(({ own, kept }) => moveGlobal(kept, own)),
    ...(plan.hasMemory ? copyBack : []),
    ...constant(0),
    opcode.end,
  ];
}

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

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}
