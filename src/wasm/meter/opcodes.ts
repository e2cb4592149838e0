/**
 * Every instruction the rewriter knows, by what follows its opcode. What is not in the table is refused
 * by name: an instruction whose length is not known would put the meter out of step with the engine.
 *
 * Known: WebAssembly 1.0, sign extension, saturating conversions, bulk memory, multi-value, reference
 * types, tail calls, SIMD and relaxed SIMD.
 */
export const follows = {
  nothing: 0,
  index: 1,
  twoIndexes: 2,
  blockType: 3,
  memoryArgument: 4,
  s32: 5,
  s64: 6,
  fourBytes: 7,
  eightBytes: 8,
  branchTable: 9,
  types: 10,
  referenceType: 11,
  prefix: 12,
  refused: 13,
  sixteenBytes: 14,
  lane: 15,
  memoryArgumentAndLane: 16,
} as const;

/** Opcodes the rewriter looks at or writes, by their names in the text format. */
export const opcode = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  tableSet: 0x26,
  i64Load: 0x29,
  i32Load8: 0x2d,
  i32Store: 0x36,
  i64Store: 0x37,
  i32Store8: 0x3a,
  i64Store32: 0x3e,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Eqz: 0x45,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GtS: 0x4a,
  i32LeS: 0x4c,
  i32LeU: 0x4d,
  i32GtU: 0x4b,
  i32GeS: 0x4e,
  i32GeU: 0x4f,
  i64Eqz: 0x50,
  i64GtU: 0x56,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32DivU: 0x6e,
  i32And: 0x71,
  i32Or: 0x72,
  i32Shl: 0x74,
  i32ShrU: 0x76,
  i64Ctz: 0x7a,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64And: 0x83,
  i64Shl: 0x86,
  i32WrapI64: 0xa7,
  i64ExtendU: 0xad,
  refNull: 0xd0,
  refFunc: 0xd2,
  bulk: 0xfc,
  simd: 0xfd,
} as const;

export const bulkOpcode = {
  memoryInit: 8,
  dataDrop: 9,
  memoryCopy: 10,
  memoryFill: 11,
  tableInit: 12,
  elemDrop: 13,
  tableCopy: 14,
  tableGrow: 15,
  tableFill: 17,
} as const;

export const simdOpcode = {
  load: 0,
  store: 11,
  const: 12,
  or: 80,
  anyTrue: 83,
  storeLaneFirst: 88,
  storeLaneLast: 91,
} as const;

const oneByte = new Uint8Array(256).fill(follows.refused);
range(oneByte, 0x00, 0x01, follows.nothing);
range(oneByte, 0x02, 0x04, follows.blockType);
range(oneByte, 0x05, 0x05, follows.nothing);
range(oneByte, 0x0b, 0x0b, follows.nothing);
range(oneByte, 0x0c, 0x0d, follows.index);
range(oneByte, 0x0e, 0x0e, follows.branchTable);
range(oneByte, 0x0f, 0x0f, follows.nothing);
range(oneByte, 0x10, 0x10, follows.index);
range(oneByte, 0x11, 0x11, follows.twoIndexes);
range(oneByte, 0x12, 0x12, follows.index);
range(oneByte, 0x13, 0x13, follows.twoIndexes);
range(oneByte, 0x1a, 0x1b, follows.nothing);
range(oneByte, 0x1c, 0x1c, follows.types);
range(oneByte, 0x20, 0x26, follows.index);
range(oneByte, 0x28, 0x3e, follows.memoryArgument);
range(oneByte, 0x3f, 0x40, follows.index);
range(oneByte, 0x41, 0x41, follows.s32);
range(oneByte, 0x42, 0x42, follows.s64);
range(oneByte, 0x43, 0x43, follows.fourBytes);
range(oneByte, 0x44, 0x44, follows.eightBytes);
range(oneByte, 0x45, 0xc4, follows.nothing);
range(oneByte, 0xd0, 0xd0, follows.referenceType);
range(oneByte, 0xd1, 0xd1, follows.nothing);
range(oneByte, 0xd2, 0xd2, follows.index);
range(oneByte, 0xfc, 0xfd, follows.prefix);

const bulk = new Uint8Array(18).fill(follows.nothing);
range(bulk, 8, 8, follows.twoIndexes);
range(bulk, 9, 9, follows.index);
range(bulk, 10, 10, follows.twoIndexes);
range(bulk, 11, 11, follows.index);
range(bulk, 12, 12, follows.twoIndexes);
range(bulk, 13, 13, follows.index);
range(bulk, 14, 14, follows.twoIndexes);
range(bulk, 15, 17, follows.index);

/** The last of relaxed SIMD. */
const simd = new Uint8Array(0x114).fill(follows.nothing);
range(simd, 0, 11, follows.memoryArgument);
range(simd, 12, 13, follows.sixteenBytes);
range(simd, 21, 34, follows.lane);
range(simd, 84, 91, follows.memoryArgumentAndLane);
range(simd, 92, 93, follows.memoryArgument);

export const followsOpcode: Uint8Array = oneByte;
export const followsBulk: Uint8Array = bulk;
export const followsSimd: Uint8Array = simd;

/** Why an opcode is refused, and what to do. */
export function refusedBecause(code: number): string {
  if ((code >= 0x06 && code <= 0x0a) || code === 0x18 || code === 0x19 || code === 0x1f)
    return 'uses exceptions: build without exception handling';
  if (code === 0x14 || code === 0x15 || (code >= 0xd3 && code <= 0xd6) || code === 0xfb)
    return 'uses typed references or garbage-collected types: build without GC';
  if (code === 0xfe) return 'uses threads: build without atomics and shared memory';
  return `has the opcode 0x${code.toString(16).padStart(2, '0')}, which this Weir does not know: build for WebAssembly 2.0`;
}

function range(table: Uint8Array, first: number, last: number, value: number): void {
  table.fill(value, first, last + 1);
}
