/**
 * The instructions that charge fuel.
 *
 * Fuel is one mutable i32 global. A charge subtracts and traps below zero; the host tells that trap from
 * others by the sign of the global. Fuel is never negative while the guest runs on and no charge is above
 * 2^30, so it cannot wrap.
 *
 * A function whose time goes into loops without calls holds the fuel in a local while it runs: a global
 * lives in memory, and a short loop would wait for it in each round. The local goes back to the global
 * before every call and exit, and comes from it again after a call, so that nobody sees it out of date.
 */
import type { ByteWriter } from './byte-writer.ts';
import { opcode } from './opcodes.ts';
import { type Temporaries, temporary } from './temporaries.ts';
import { blockWithoutResult } from './value-types.ts';

/** One unit of fuel moves 8 bytes. */
const bytesAUnitShift = 3;
/** More elements than any table has; the instruction traps or fails by itself above it. */
const countMask = 0x3fff_ffff;

export class FuelCode {
  readonly #out: ByteWriter;
  readonly #temporaries: Temporaries;
  readonly #global: number;
  #isLocal = false;

  constructor(out: ByteWriter, temporaries: Temporaries, fuelGlobal: number) {
    this.#out = out;
    this.#temporaries = temporaries;
    this.#global = fuelGlobal;
  }

  get isLocal(): boolean {
    return this.#isLocal;
  }

  /** Begins a function. `isLocal`: the fuel is held in a local while it runs. */
  begin(isLocal: boolean): void {
    this.#isLocal = isLocal;
    if (isLocal) this.load();
  }

  /** From the global to the local. */
  load(): void {
    this.#onGlobal(opcode.globalGet);
    this.#onLocal(opcode.localSet, temporary.fuel);
  }

  /** From the local to the global. */
  store(): void {
    this.#onLocal(opcode.localGet, temporary.fuel);
    this.#onGlobal(opcode.globalSet);
  }

  charge(cost: number): void {
    this.#get();
    this.#out.byte(opcode.i32Const);
    this.#out.s32(cost);
    this.#subtract();
  }

  /** For as many bytes as the local of this purpose says, any u32. */
  chargeBytes(purpose: number): void {
    this.#get();
    this.#onLocal(opcode.localGet, purpose);
    this.#out.byte(opcode.i32Const);
    this.#out.s32(bytesAUnitShift);
    this.#out.byte(opcode.i32ShrU);
    this.#subtract();
  }

  /** For as many elements of a table, any u32. */
  chargeElements(purpose: number): void {
    this.#get();
    this.#onLocal(opcode.localGet, purpose);
    this.#out.byte(opcode.i32Const);
    this.#out.s32(countMask);
    this.#out.byte(opcode.i32And);
    this.#subtract();
  }

  #get(): void {
    if (this.#isLocal) this.#onLocal(opcode.localGet, temporary.fuel);
    else this.#onGlobal(opcode.globalGet);
  }

  #subtract(): void {
    const out = this.#out;
    out.byte(opcode.i32Sub);
    this.#onLocal(opcode.localTee, temporary.fuel);
    if (!this.#isLocal) {
      this.#onGlobal(opcode.globalSet);
      this.#onLocal(opcode.localGet, temporary.fuel);
    }
    out.byte(opcode.i32Const);
    out.byte(0);
    out.byte(opcode.i32LtS);
    out.byte(opcode.if);
    out.byte(blockWithoutResult);
    if (this.#isLocal) this.store();
    out.byte(opcode.unreachable);
    out.byte(opcode.end);
  }

  #onLocal(code: number, purpose: number): void {
    this.#out.byte(code);
    this.#out.u32(this.#temporaries.of(purpose));
  }

  #onGlobal(code: number): void {
    this.#out.byte(code);
    this.#out.u32(this.#global);
  }
}
