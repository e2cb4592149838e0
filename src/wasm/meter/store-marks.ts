/**
 * The instructions that note which part of memory a store has written (`isolation.ts` has the map).
 *
 * The mark comes after the store: a store that went through lies inside the memory, so its address with
 * the offset has not wrapped and the mark lies inside the map. One that traps leaves no mark, and needs
 * none, because the instance is replaced.
 */
import type { ByteWriter } from './byte-writer.ts';
import { opcode } from './opcodes.ts';
import { type Temporaries, temporary } from './temporaries.ts';

/**
 * 512 bytes: a request writes a few of these, and what has to be copied back is what a reset costs. The map
 * of 16 MiB is then 32 KiB, read in a quarter of a microsecond.
 */
export const granuleShift = 9;

/** The memory of marks and snapshot; the guest's own is 0. */
export const shadowMemory = 1;

/** Says in a memory argument that the number of a memory follows. */
export const namesMemory = 0x40;

export class StoreMarks {
  readonly #out: ByteWriter;
  readonly #temporaries: Temporaries;
  readonly #touchFunction: number;
  #value = 0;

  constructor(out: ByteWriter, temporaries: Temporaries, touchFunction: number) {
    this.#out = out;
    this.#temporaries = temporaries;
    this.#touchFunction = touchFunction;
  }

  /** Keeps the address that lies below the value of this type. */
  beforeStore(type: number): void {
    this.#value = this.#temporaries.forStored(type);
    this.#local(opcode.localSet, this.#value);
    this.#local(opcode.localTee, this.#temporaries.of(temporary.address));
    this.#local(opcode.localGet, this.#value);
  }

  afterStore(offset: number): void {
    const out = this.#out;
    this.#local(opcode.localGet, this.#temporaries.of(temporary.address));
    if (offset !== 0) {
      out.byte(opcode.i32Const);
      out.s32(offset);
      out.byte(opcode.i32Add);
    }
    out.byte(opcode.i32Const);
    out.s32(granuleShift);
    out.byte(opcode.i32ShrU);
    out.byte(opcode.i32Const);
    out.s32(1);
    out.byte(opcode.i32Store8);
    out.byte(namesMemory);
    out.byte(shadowMemory);
    out.byte(0);
  }

  /** Keeps target and length of `memory.fill`, `memory.copy` and `memory.init`: three i32, the length on top. */
  beforeBulk(): void {
    const length = this.#temporaries.of(temporary.i32);
    const source = this.#temporaries.of(temporary.source);
    this.#local(opcode.localSet, length);
    this.#local(opcode.localSet, source);
    this.#local(opcode.localTee, this.#temporaries.of(temporary.address));
    this.#local(opcode.localGet, source);
    this.#local(opcode.localGet, length);
  }

  afterBulk(): void {
    this.#local(opcode.localGet, this.#temporaries.of(temporary.address));
    this.#local(opcode.localGet, this.#temporaries.of(temporary.i32));
    this.#out.byte(opcode.call);
    this.#out.u32(this.#touchFunction);
  }

  #local(code: number, index: number): void {
    this.#out.byte(code);
    this.#out.u32(index);
  }
}
