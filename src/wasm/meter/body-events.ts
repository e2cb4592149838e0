/**
 * Decodes one function body, instruction by instruction, and keeps only what the rewriter acts upon:
 * control flow, calls, and what writes to memory or costs more than an instruction. Everything else is
 * counted and passed over.
 *
 * An event is six numbers in one array that is used again for every function, so a body costs no
 * allocation.
 */
import type { BinaryReader } from './binary-reader.ts';
import { damaged, MeterFault } from './meter-fault.ts';
import {
  bulkOpcode,
  follows,
  followsBulk,
  followsOpcode,
  followsSimd,
  opcode,
  refusedBecause,
  simdOpcode,
} from './opcodes.ts';
import {
  blockWithoutResult,
  isReferenceType,
  isValueType,
  readValueType,
  unknownType,
  valueType,
} from './value-types.ts';

export const event = {
  block: 0,
  /** Its first number is 1 where a branch to it may take values with it. */
  loop: 1,
  if: 2,
  else: 3,
  end: 4,
  /** Of these the first number is the label. One to the function's own label leaves it. */
  branch: 5,
  branchIf: 6,
  /** Its first number is the outermost label. */
  branchTable: 7,
  return: 8,
  call: 9,
  callIndirect: 10,
  returnCall: 11,
  returnCallIndirect: 12,
  store: 13,
  memoryGrow: 14,
  memoryInit: 15,
  memoryCopy: 16,
  memoryFill: 17,
  tableInit: 18,
  tableCopy: 19,
  tableGrow: 20,
  tableFill: 21,
  tableSet: 22,
  elemDrop: 23,
  dataDrop: 24,
} as const;

/** Numbers of an event: its kind, where the instruction begins and ends, its place in the count, and two more. */
export const field = { kind: 0, at: 1, after: 2, ordinal: 3, first: 4, second: 5 } as const;
export const fields = 6;

/** Of a write to a local: where it is, which local, where the instruction before it begins, and the third before it. */
export const setField = { at: 0, local: 1, before: 2, third: 3 } as const;
export const setFields = 4;

export const bodyLimits = { bodyBytesMax: 1_048_576, localsMax: 50_000, nestedMax: 4_096 } as const;

export class BodyEvents {
  values: Int32Array = new Int32Array(fields * 512);
  /** In numbers, not events. */
  length = 0;
  /** Writes to locals. */
  sets: Int32Array = new Int32Array(setFields * 256);
  setsLength = 0;
  /** Of the body read last. */
  instructions = 0;
  loops = 0;
  localEntries = 0;
  locals = 0;
  localsStart = 0;
  codeStart = 0;
  codeEnd = 0;
  /** Of the instruction being read. */
  #first = 0;
  #second = 0;

  /** `reader` stands at the first byte behind the body's length and ends with the body. */
  read(reader: BinaryReader, typeCount: number): void {
    this.length = 0;
    this.setsLength = 0;
    this.loops = 0;
    this.#readLocals(reader);
    this.#readCode(reader, typeCount);
  }

  #readLocals(reader: BinaryReader): void {
    const at = reader.at;
    if (reader.end - at > bodyLimits.bodyBytesMax)
      throw new MeterFault(
        `a function has ${reader.end - at} bytes: at most ${bodyLimits.bodyBytesMax} are allowed`,
        at,
      );
    this.localEntries = reader.u32();
    this.localsStart = reader.at;
    let locals = 0;
    for (let i = 0; i < this.localEntries; i++) {
      locals += reader.u32();
      if (locals > bodyLimits.localsMax)
        throw new MeterFault(
          `a function has more than ${bodyLimits.localsMax} locals`,
          this.localsStart,
        );
      readValueType(reader);
    }
    this.locals = locals;
    this.codeStart = reader.at;
  }

  #readCode(reader: BinaryReader, typeCount: number): void {
    const { bytes, end } = reader;
    let at = reader.at;
    let ordinal = 0;
    let depth = 1;
    // Where the three instructions before begin.
    let [before, second, third] = [-1, -1, -1];
    let start = -1;
    while (depth > 0) {
      third = second;
      second = before;
      before = start;
      start = at;
      const code = at < end ? (bytes[at++] ?? 0) : reader.byte();
      ordinal++;
      const kindOfCode = followsOpcode[code] ?? follows.refused;
      // Most instructions are of these kinds, with nothing or one byte behind them.
      if (kindOfCode === follows.nothing) {
        if (code === opcode.end) {
          depth--;
          this.#push(event.end, start, at, ordinal, 0, 0);
        } else if (code === opcode.else) this.#push(event.else, start, at, ordinal, 0, 0);
        else if (code === opcode.return) this.#push(event.return, start, at, ordinal, 0, 0);
        continue;
      }
      const next = at < end ? (bytes[at] ?? 0) : 0x80;
      if (next < 0x80 && code >= opcode.localGet && code <= opcode.globalSet) {
        if (code === opcode.localSet || code === opcode.localTee)
          this.#pushSet(start, next, before, third);
        at++;
        continue;
      }
      if (next < 0x80 && code === opcode.i32Const) {
        at++;
        continue;
      }
      this.#first = 0;
      this.#second = 0;
      reader.at = at;
      const kind = this.#readOne(reader, code, kindOfCode, start, typeCount);
      at = reader.at;
      if (kind <= event.if && kind >= 0 && ++depth > bodyLimits.nestedMax)
        throw new MeterFault(`blocks are nested deeper than ${bodyLimits.nestedMax}`, start);
      if (code === opcode.localSet || code === opcode.localTee)
        this.#pushSet(start, this.#first, before, third);
      if (kind >= 0) this.#push(kind, start, at, ordinal, this.#first, this.#second);
    }
    reader.at = at;
    if (!reader.isAtEnd) throw damaged('a function has bytes behind its end', at);
    this.instructions = ordinal;
    this.codeEnd = at;
  }

  /** What stands behind the opcode. Returns the kind of its event, or -1 for none. */
  #readOne(
    reader: BinaryReader,
    code: number,
    kindOfCode: number,
    start: number,
    typeCount: number,
  ): number {
    switch (kindOfCode) {
      case follows.index:
        this.#first = reader.u32();
        return indexEvents[code] ?? none;
      case follows.memoryArgument:
        this.#first = readMemoryArgument(reader);
        if (code < opcode.i32Store) return none;
        this.#second = storedType(code);
        return event.store;
      case follows.blockType:
        this.#first = readBlockType(reader, typeCount) ? 1 : 0;
        if (code === opcode.loop) this.loops++;
        return code === opcode.loop ? event.loop : code === opcode.if ? event.if : event.block;
      case follows.s32:
        reader.skipSigned(5);
        return none;
      case follows.s64:
        reader.skipSigned(10);
        return none;
      case follows.fourBytes:
        reader.skip(4);
        return none;
      case follows.eightBytes:
        reader.skip(8);
        return none;
      case follows.branchTable:
        for (let targets = reader.u32(); targets >= 0; targets--)
          this.#first = Math.max(this.#first, reader.u32());
        return event.branchTable;
      case follows.twoIndexes:
        reader.u32();
        reader.u32();
        return code === opcode.callIndirect ? event.callIndirect : event.returnCallIndirect;
      case follows.types:
        for (let types = reader.u32(); types > 0; types--) readValueType(reader);
        return none;
      case follows.referenceType: {
        const type = reader.byte();
        if (isReferenceType(type)) return none;
        throw unknownType(type, start);
      }
      case follows.prefix: {
        const suffix = reader.u32();
        if (code === opcode.bulk) return readBulk(reader, suffix, start);
        this.#first = readSimd(reader, suffix, start);
        if (
          suffix !== simdOpcode.store &&
          (suffix < simdOpcode.storeLaneFirst || suffix > simdOpcode.storeLaneLast)
        )
          return none;
        this.#second = valueType.v128;
        return event.store;
      }
      default:
        throw new MeterFault(refusedBecause(code), start);
    }
  }

  #pushSet(at: number, local: number, before: number, third: number): void {
    const start = this.setsLength;
    if (start + setFields > this.sets.length) {
      const larger = new Int32Array(this.sets.length * 2);
      larger.set(this.sets);
      this.sets = larger;
    }
    const { sets } = this;
    sets[start] = at;
    sets[start + 1] = local;
    sets[start + 2] = before;
    sets[start + 3] = third;
    this.setsLength = start + setFields;
  }

  #push(
    kind: number,
    at: number,
    after: number,
    ordinal: number,
    first: number,
    second: number,
  ): void {
    const start = this.length;
    if (start + fields > this.values.length) {
      const larger = new Int32Array(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    const { values } = this;
    values[start] = kind;
    values[start + 1] = at;
    values[start + 2] = after;
    values[start + 3] = ordinal;
    values[start + 4] = first;
    values[start + 5] = second;
    this.length = start + fields;
  }
}

/** Returns the offset; the alignment is the engine's to judge. */
function readMemoryArgument(reader: BinaryReader): number {
  const at = reader.at;
  // Bit 6 says that the number of a memory follows, which the engine takes even where it is 0.
  if (reader.u32() >= 0x40)
    throw new MeterFault('an access names a memory by number: build without multi-memory', at);
  return reader.u32();
}

/** Whether it is given by number: only then a block takes values. */
function readBlockType(reader: BinaryReader, typeCount: number): boolean {
  const at = reader.at;
  const first = reader.byte();
  if (first >= 0x40 && first < 0x80) {
    if (first !== blockWithoutResult && !isValueType(first)) throw unknownType(first, at);
    return false;
  }
  // Of several bytes only a number makes sense; a type written so long would read as a huge one.
  reader.at = at;
  const index = reader.u32();
  if (index >= typeCount) throw damaged(`a block has the unknown type ${index}`, at);
  return true;
}

const none = -1;

/** Instructions with one index that matter, by their opcodes. */
const indexEvents: Readonly<Record<number, number>> = {
  [opcode.br]: event.branch,
  [opcode.brIf]: event.branchIf,
  [opcode.call]: event.call,
  [opcode.returnCall]: event.returnCall,
  [opcode.memoryGrow]: event.memoryGrow,
  [opcode.tableSet]: event.tableSet,
};

const bulkEvents = new Map<number, number>([
  [bulkOpcode.memoryInit, event.memoryInit],
  [bulkOpcode.dataDrop, event.dataDrop],
  [bulkOpcode.memoryCopy, event.memoryCopy],
  [bulkOpcode.memoryFill, event.memoryFill],
  [bulkOpcode.tableInit, event.tableInit],
  [bulkOpcode.elemDrop, event.elemDrop],
  [bulkOpcode.tableCopy, event.tableCopy],
  [bulkOpcode.tableGrow, event.tableGrow],
  [bulkOpcode.tableFill, event.tableFill],
]);

function readBulk(reader: BinaryReader, suffix: number, at: number): number {
  const after = followsBulk[suffix];
  if (after === undefined)
    throw new MeterFault(
      `has the opcode 0xfc ${suffix}, which this Weir does not know: build for WebAssembly 2.0`,
      at,
    );
  if (after !== follows.nothing) reader.u32();
  if (after === follows.twoIndexes) reader.u32();
  return bulkEvents.get(suffix) ?? none;
}

/** Returns the offset of a memory access, else 0. */
function readSimd(reader: BinaryReader, suffix: number, at: number): number {
  switch (followsSimd[suffix]) {
    case follows.nothing:
      return 0;
    case follows.memoryArgument:
      return readMemoryArgument(reader);
    case follows.sixteenBytes:
      reader.skip(16);
      return 0;
    case follows.lane:
      reader.skip(1);
      return 0;
    case follows.memoryArgumentAndLane: {
      const offset = readMemoryArgument(reader);
      reader.skip(1);
      return offset;
    }
    default:
      throw new MeterFault(
        `has the opcode 0xfd ${suffix}, which this Weir does not know: build for SIMD without 16-bit floats`,
        at,
      );
  }
}

function storedType(code: number): number {
  switch (code) {
    case 0x37:
    case 0x3c:
    case 0x3d:
    case 0x3e:
      return valueType.i64;
    case 0x38:
      return valueType.f32;
    case 0x39:
      return valueType.f64;
    default:
      return valueType.i32;
  }
}
